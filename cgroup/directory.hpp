// One cgroup directory known by its descriptor: its control files, its children, its processes, its removal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace cgroup {

class Directory {
 public:
  /// Takes an open directory (O_PATH will do) and the path it is called by in messages.
  Directory(base::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  static std::optional<Directory> open(const std::string& path);
  std::optional<Directory> child(const std::string& name) const;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  /// nullopt if there is no such file (or the kernel cannot answer it).
  std::optional<std::string> read(const std::string& file) const;
  /// Throws SystemError naming file and text.
  void write(const std::string& file, const std::string& text) const;
  /// 0 or errno.
  int try_write(const std::string& file, const std::string& text) const noexcept;
  base::Fd open_file(const std::string& file, int flags) const;

  std::vector<std::string> children() const;
  /// False if it is there already. Throws SystemError.
  bool make_child(const std::string& name) const;
  /// Pids here and below (`cgroup.procs`), added to `pids`.
  void collect_processes(std::vector<int>& pids) const;
  /// rmdir of everything below, deepest first, then of this directory itself, if it still is the one with this path.
  /// False while something in it is alive. What can go is gone either way.
  bool remove() const noexcept;
  bool remove_children() const noexcept;

 private:
  base::Fd fd_;
  std::string path_;
};

}  // namespace cgroup
