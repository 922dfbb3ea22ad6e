#include "rpc/listener.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/pid_fd.hpp"

namespace rpc {
namespace {

constexpr std::chrono::milliseconds kRetryDelay{200};
constexpr int kPeerPidFd = 77;  // SO_PEERPIDFD, younger than the C library's headers

void make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    base::fail_errno(base::Code::SystemError, "cannot make a listening socket non-blocking");
}

/// 0 when the peer has ended: the pid may be somebody else's by now. Kernels before 6.5 cannot tell (SO_PEERPIDFD).
std::uint64_t start_time_of_peer(int socket, pid_t pid) {
  const std::uint64_t start_time = base::process_start_time(pid);
  int raw = -1;
  socklen_t size = sizeof raw;
  if (::getsockopt(socket, SOL_SOCKET, kPeerPidFd, &raw, &size) < 0) return errno == ENOPROTOOPT ? start_time : 0;
  const base::Fd process(raw);
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0 ? start_time : 0;
}

}  // namespace

Listener::Listener(base::EventLoop& loop, base::Fd socket, std::function<bool()> room, OnClient on_client)
    : loop_(loop), socket_(std::move(socket)), room_(std::move(room)), on_client_(std::move(on_client)) {
  make_nonblocking(socket_.get());
  watch_ = loop.on_fd(socket_.get(), EPOLLIN, [this](std::uint32_t) { on_readable(); });
}

void Listener::resume() {
  watch_.set_events(room_() && !retry_ ? EPOLLIN : 0u);
}

void Listener::on_readable() {
  // One, then everybody else's turn: who connects in bursts holds up nobody who is there.
  if (room_()) accept_one();
  resume();
}

void Listener::accept_one() {
  base::Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED) return;
    // Out of descriptors or memory: the client keeps waiting in the backlog, and the loop must not spin on it.
    base::log::warning("cannot accept a client: {}", std::strerror(errno));
    retry_ = loop_.after(kRetryDelay, [this] {
      retry_ = {};
      resume();
    });
    return;
  }
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
    base::log::warning("cannot tell who a client is: {}", std::strerror(errno));
    return;
  }
  const std::uint64_t start_time = start_time_of_peer(client.get(), credentials.pid);
  on_client_(std::move(client), {credentials.pid, credentials.uid, credentials.gid, start_time});
}

}  // namespace rpc
