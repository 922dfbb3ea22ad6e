#include "rpc/listener.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace rpc {
namespace {

constexpr int kAcceptsPerTurn = 16;
constexpr std::chrono::milliseconds kRetryDelay{200};

void make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    base::fail_errno(base::Code::SystemError, "cannot make a listening socket non-blocking");
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
  for (int i = 0; i < kAcceptsPerTurn && room_(); ++i)
    if (!accept_one()) break;
  resume();
}

bool Listener::accept_one() {
  base::Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == EINTR || errno == ECONNABORTED) return true;
    // Out of descriptors or memory: the client keeps waiting in the backlog, and the loop must not spin on it.
    base::log::warning("cannot accept a client: {}", std::strerror(errno));
    retry_ = loop_.after(kRetryDelay, [this] {
      retry_ = {};
      resume();
    });
    return false;
  }
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
    base::log::warning("cannot tell who a client is: {}", std::strerror(errno));
    return true;
  }
  on_client_(std::move(client), {credentials.pid, credentials.uid, credentials.gid});
  return true;
}

}  // namespace rpc
