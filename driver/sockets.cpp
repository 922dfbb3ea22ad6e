#include "driver/sockets.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstring>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace driver {
namespace {

using base::Code;

gid_t group_id(const std::string& name) {
  if (name.empty()) return static_cast<gid_t>(-1);
  const group* entry = ::getgrnam(name.c_str());
  if (!entry) base::fail(Code::ConfigUnsupported, "unix_sock_group: no group '", name, "'");
  return entry->gr_gid;
}

base::Fd listen_at(const std::string& path, unsigned mode, gid_t gid, unsigned backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    base::fail(Code::SystemError, "socket path '", path, "' is longer than ", sizeof address.sun_path - 1, " bytes");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) base::fail_errno(Code::SystemError, "cannot make a socket");
  base::remove_file(path);  // the lock of the pid file says that nobody else listens on it
  // Nobody may connect before mode and group are right; bind(2) applies the umask.
  const mode_t old_mask = ::umask(0777);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(old_mask);
  if (bound < 0) base::fail_errno(Code::SystemError, "cannot bind socket '", path, "'");
  if (gid != static_cast<gid_t>(-1) && ::chown(path.c_str(), static_cast<uid_t>(-1), gid) < 0)
    base::fail_errno(Code::SystemError, "cannot change the group of socket '", path, "'");
  if (::chmod(path.c_str(), mode) < 0) base::fail_errno(Code::SystemError, "cannot change the mode of '", path, "'");
  if (::listen(fd.get(), static_cast<int>(backlog)) < 0)
    base::fail_errno(Code::SystemError, "cannot listen on '", path, "'");
  return fd;
}

base::Fd activated_socket(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || ::fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
    base::fail_errno(Code::SystemError, "cannot prepare the socket systemd passed");
  return base::Fd(fd);
}

/// Told apart by path: the unit files may pass them in any order.
Sockets activated_sockets(const Paths& paths, int count) {
  Sockets sockets;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    base::Fd socket = activated_socket(fd);
    if (::sd_is_socket_unix(fd, SOCK_STREAM, 1, paths.socket_ro.c_str(), 0) > 0)
      sockets.read_only = std::move(socket);
    else if (::sd_is_socket_unix(fd, SOCK_STREAM, 1, paths.socket_rw.c_str(), 0) > 0)
      sockets.read_write = std::move(socket);
    else if (::sd_is_socket_unix(fd, SOCK_STREAM, 1, paths.socket_admin.c_str(), 0) > 0)
      sockets.admin = std::move(socket);
    else
      base::fail(Code::ConfigUnsupported, "systemd passed a socket that is none of '", paths.socket_rw, "', '",
                 paths.socket_ro, "' and '", paths.socket_admin, "'");
  }
  return sockets;
}

}  // namespace

bool socket_activated() {
  return ::sd_listen_fds(0) > 0;
}

Sockets open_sockets(const Paths& paths, const Config& config) {
  if (const int count = ::sd_listen_fds(0); count > 0) return activated_sockets(paths, count);
  const gid_t gid = group_id(config.unix_sock_group);
  make_directories(paths.socket_rw.substr(0, paths.socket_rw.rfind('/')), 0755);
  const unsigned backlog = config.limits.max_queued_clients;
  return {listen_at(paths.socket_rw, config.unix_sock_rw_perms, gid, backlog),
          listen_at(paths.socket_ro, config.unix_sock_ro_perms, gid, backlog),
          listen_at(paths.socket_admin, config.unix_sock_admin_perms, static_cast<gid_t>(-1),
                    config.admin_limits.max_queued_clients)};
}

void remove_sockets(const Paths& paths) noexcept {
  if (socket_activated()) return;
  ::unlink(paths.socket_rw.c_str());
  ::unlink(paths.socket_ro.c_str());
  ::unlink(paths.socket_admin.c_str());
}

}  // namespace driver
