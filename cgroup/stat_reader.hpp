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
  /// Whether there are groups below `child` of `directory`, by its number of links, which costs the least. False where
  /// it is gone.
  bool has_groups_below(Keep keep, const Directory& directory, const char* child);
  /// Closes what was kept.
  void close();

 private:
  std::mutex mutex_;
  struct File {
    base::Fd fd;
    bool absent = false;  // this host has no such file
  };
  base::Fd child_;
  std::vector<File> files_;  // by their number in stat_files(); empty until one is kept
};

}  // namespace cgroup
