// Owner of one file descriptor: closes it, and nobody else does. Descriptors are close-on-exec from birth.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace base {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept;

  /// A second descriptor for the same open file, close-on-exec.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC added; `dir` is AT_FDCWD or a directory descriptor. Throws SystemError naming the path.
Fd open_file(const std::string& path, int flags, unsigned mode = 0);
Fd open_file_at(int dir, const std::string& path, int flags, unsigned mode = 0);

/// Whole content of a small file; throws SystemError naming the path.
std::string read_file(const std::string& path);
/// The same; nullopt when there is none, which is something else than one that cannot be read.
std::optional<std::string> read_file_if_any(const std::string& path);
/// Everything that can be read from `fd` until end of file.
std::string read_all(int fd);
/// Writes everything; throws SystemError naming `what`.
void write_all(int fd, const void* data, std::size_t size, const std::string& what);
/// A connected AF_UNIX pair, close-on-exec.
std::pair<Fd, Fd> socket_pair(int type);
/// unlink(2); a file that is not there is fine. Throws SystemError naming the path.
void remove_file(const std::string& path);
/// The same for what nobody needs any more. Tried twice, as a kernel that was short of memory once is not a moment
/// later; what stays then is logged.
void remove_leftover(const std::string& path) noexcept;
/// fsync(2) of a directory: what was made, renamed or removed in it is on disk. Throws SystemError naming the path.
void sync_directory(const std::string& path);
/// Puts `text` at `path` so that after a crash the file is either old or new: temporary file, fsync, rename, directory
/// fsync.
void replace_file(const std::string& path, const std::string& text, unsigned mode);

}  // namespace base
