// The files behind one group's usage. Opening costs four times what reading does, so whoever asks over and over may
// have them kept open: then an answer is one pread(2) per file.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/fd.hpp"
#include "cgroup/directory.hpp"
#include "cgroup/stats.hpp"

namespace cgroup {

/// Whether files stay open for the next question. None is kept once most of RLIMIT_NOFILE is in use.
enum class Keep { Open, Closed };

class StatReader {
 public:
  /// `find` tells in which directory a file is; nullptr where this host has no such file, which stays so. Any thread.
  Usage read(Ask asked, Keep keep, const std::function<const Directory*(const StatFile&)>& find);
  /// Closes what was kept.
  void close();

 private:
  std::mutex mutex_;
  struct File {
    base::Fd fd;
    bool absent = false;  // this host has no such file
  };
  std::vector<File> files_;  // by their number in stat_files(); empty until one is kept
};

}  // namespace cgroup
