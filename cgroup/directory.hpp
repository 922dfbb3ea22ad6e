// One cgroup directory: its control files, its children, its processes, its removal. It is known by its descriptor, or
// while that is spared by its file handle; neither ever means another directory of the same path. No path is kept: a
// thousand containers would have a megabyte of them, for messages.
#pragma once

#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace cgroup {

class Directory {
 public:
  /// Takes an open directory; O_PATH will do.
  explicit Directory(base::Fd fd) : fd_(std::move(fd)) {}
  static std::optional<Directory> open(const std::string& path);
  std::optional<Directory> child(const std::string& name) const;

  /// Where it is, as the kernel tells it; followed by " (deleted)" once it is removed. Leaves errno alone.
  std::string path() const;

  /// Closes the descriptor. Until hold() each call opens the directory anew, by its handle (open_by_handle_at(2)) in
  /// the file system mounted at `mount`, which has to outlive that. Does nothing where the kernel gives no handles or
  /// we may not use them. Not while another thread uses this object.
  void spare(const std::string& mount) noexcept;
  void hold() noexcept;

  /// nullopt if there is no such file (or the kernel cannot answer it).
  std::optional<std::string> read(const std::string& file) const;
  /// Throws SystemError naming file and text.
  void write(const std::string& file, const std::string& text) const;
  /// 0 or errno.
  int try_write(const std::string& file, const std::string& text) const noexcept;
  base::Fd open_file(const std::string& file, int flags) const;
  /// Throws SystemError where read() gives nothing.
  std::string read_file(const std::string& file) const;
  /// Empty, with errno, if it cannot be opened.
  base::Fd try_open(const char* file, int flags) const noexcept;

  std::vector<std::string> children() const;
  /// False if it is there already. Throws SystemError.
  bool make_child(const std::string& name) const;
  /// rmdir, if there is such a child and nothing in it.
  void remove_child(const char* name) const noexcept;
  /// Pids here and below (`cgroup.procs`), added to `pids`.
  void collect_processes(std::vector<int>& pids) const;
  /// rmdir of everything below, deepest first, then of this directory itself, if it still is what the one above it
  /// has as `name`. False while something in it is alive. What can go is gone either way.
  bool remove(const std::string& name) const noexcept;
  bool remove_children() const noexcept;

 private:
  /// The kernel's name for a directory. Cgroup file systems have eight bytes behind the head.
  struct alignas(file_handle) Handle {
    static constexpr unsigned kRoom = 16;
    unsigned char bytes[sizeof(file_handle) + kRoom] = {};
    file_handle* head() { return reinterpret_cast<file_handle*>(bytes); }
  };
  struct Spared {
    Handle handle;
    const std::string* mount;
  };
  /// A descriptor for one call: ours, or one opened for it.
  class Use {
   public:
    explicit Use(const Directory& directory) noexcept;
    int fd() const { return opened_ ? opened_.get() : held_; }

   private:
    int held_;
    base::Fd opened_;
  };
  base::Fd reopen() const noexcept;

  base::Fd fd_;
  std::unique_ptr<Spared> spared_;  // while fd_ is closed
};

}  // namespace cgroup
