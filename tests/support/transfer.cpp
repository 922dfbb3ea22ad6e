#include "support/transfer.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <stdexcept>
#include <vector>

#include "support/deadline.hpp"

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("transfer: " + what + ": errno " + std::to_string(errno));
}

/// A socket belongs to the namespace of the thread that makes it.
int socket_of(TransferEnd end) {
  return std::async(std::launch::async,
                    [end] {
                      if (end.process != 0) {
                        const std::string path = "/proc/" + std::to_string(end.process) + "/ns/net";
                        const int netns = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
                        if (netns < 0 || ::setns(netns, CLONE_NEWNET) != 0) fail("entering " + path);
                        ::close(netns);
                      }
                      const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                      if (made < 0) fail("socket");
                      return made;
                    })
      .get();
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    if (fd_ < 0) fail("socket");
    const timeval limit{.tv_sec = patience().count() / 1000, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::uint64_t receive(const Socket& socket, std::uint64_t at_least) {
  std::vector<char> buffer(65536);
  std::uint64_t total = 0;
  while (total < at_least) {
    const ssize_t got = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
    if (got <= 0) fail("receiving");
    total += static_cast<std::uint64_t>(got);
  }
  return total;
}

/// Until the receiver has had enough and hangs up.
void send_all(const Socket& socket) {
  const std::vector<char> buffer(65536);
  while (::send(socket.fd(), buffer.data(), buffer.size(), MSG_NOSIGNAL) > 0) {
  }
}

/// A listener at the second end's address, and a socket of the first connected to it.
struct Connected {
  Connected(TransferEnd from, TransferEnd to, const std::string& address)
      : listener(socket_of(to)), connecting(socket_of(from)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.c_str(), &place.sin_addr);
    socklen_t size = sizeof place;
    if (::bind(listener.fd(), reinterpret_cast<sockaddr*>(&place), size) != 0) fail("binding " + address);
    if (::listen(listener.fd(), 1) != 0) fail("listening");
    ::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&place), &size);
    if (::connect(connecting.fd(), reinterpret_cast<const sockaddr*>(&place), size) != 0)
      fail("connecting to " + address);
  }
  Socket listener, connecting;
};

}  // namespace

double transfer_rate(TransferEnd from, TransferEnd to, const std::string& address, std::uint64_t skipped,
                     std::uint64_t bytes) {
  const Connected ends(from, to, address);
  auto sending = std::async(std::launch::async, [&] { send_all(ends.connecting); });
  double seconds = 0;
  std::uint64_t counted = 0;
  {
    const Socket receiver(::accept4(ends.listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    receive(receiver, skipped);
    const auto start = Clock::now();
    counted = receive(receiver, bytes);
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const linger reset{.l_onoff = 1, .l_linger = 0};  // the sender hears of it at once
    ::setsockopt(receiver.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  sending.get();
  return static_cast<double>(counted) / seconds;
}

double answer_time(TransferEnd asking, TransferEnd answering, const std::string& address, int rounds) {
  const Connected ends(asking, answering, address);
  const Socket answerer(::accept4(ends.listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  for (const Socket* socket : {&ends.connecting, &answerer})
    ::setsockopt(socket->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto answering_all = std::async(std::launch::async, [&] {
    char byte;
    while (::recv(answerer.fd(), &byte, 1, 0) == 1) ::send(answerer.fd(), &byte, 1, MSG_NOSIGNAL);
  });
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    char byte = 0;
    if (::send(ends.connecting.fd(), &byte, 1, MSG_NOSIGNAL) != 1) break;
    if (::recv(ends.connecting.fd(), &byte, 1, 0) != 1) break;
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  ::shutdown(ends.connecting.fd(), SHUT_WR);
  answering_all.get();
  if (times.empty()) fail("an answer");
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace support
