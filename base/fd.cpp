#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"

namespace base {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() noexcept {
  if (fd_ < 0) return;
  const int saved = errno;
  ::close(std::exchange(fd_, -1));
  errno = saved;
}

Fd Fd::duplicate() const {
  Fd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
  if (!copy) fail_errno(Code::SystemError, "cannot duplicate a file descriptor");
  return copy;
}

Fd open_file(const std::string& path, int flags, unsigned mode) {
  return open_file_at(AT_FDCWD, path, flags, mode);
}

Fd open_file_at(int dir, const std::string& path, int flags, unsigned mode) {
  Fd fd(::openat(dir, path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) fail_errno(Code::SystemError, "cannot open '", path, "'");
  return fd;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(Code::SystemError, "cannot read");
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string read_file(const std::string& path) {
  const Fd fd = open_file(path, O_RDONLY);
  try {
    return read_all(fd.get());
  } catch (const Error& error) {
    fail_errno_value(error.system_errno(), Code::SystemError, "cannot read '", path, "'");
  }
}

std::optional<std::string> read_file_if_any(const std::string& path) {
  try {
    return read_file(path);
  } catch (const Error& error) {
    if (error.system_errno() != ENOENT) throw;
    return std::nullopt;
  }
}

void write_all(int fd, const void* data, std::size_t size, const std::string& what) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t put = ::write(fd, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_errno(Code::SystemError, "cannot write '", what, "'");
    at += put;
    size -= static_cast<std::size_t>(put);
  }
}

std::pair<Fd, Fd> socket_pair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
    fail_errno(Code::SystemError, "cannot make a socket pair");
  return {Fd(fds[0]), Fd(fds[1])};
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) fail_errno(Code::SystemError, "cannot remove '", path, "'");
}

void remove_leftover(const std::string& path) noexcept {
  for (int attempt = 0; attempt < 2; ++attempt)
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  log::warning("cannot remove '{}': {}", path, std::strerror(errno));
}

void sync_directory(const std::string& path) {
  const Fd fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) < 0) fail_errno(Code::SystemError, "cannot sync directory '", path, "'");
}

void replace_file(const std::string& path, const std::string& text, unsigned mode) {
  const std::string temporary = path + ".new";
  try {
    const Fd fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    write_all(fd.get(), text.data(), text.size(), temporary);
    if (::fsync(fd.get()) < 0) fail_errno(Code::SystemError, "cannot sync '", temporary, "'");
    if (::rename(temporary.c_str(), path.c_str()) < 0) fail_errno(Code::SystemError, "cannot replace '", path, "'");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const auto slash = path.rfind('/');
  sync_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace base
