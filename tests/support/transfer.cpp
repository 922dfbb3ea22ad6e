#include "support/transfer.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

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

}  // namespace

double transfer_rate(TransferEnd from, TransferEnd to, const std::string& address, std::uint64_t skipped,
                     std::uint64_t bytes) {
  const Socket listener(socket_of(to));
  sockaddr_in place{};
  place.sin_family = AF_INET;
  ::inet_pton(AF_INET, address.c_str(), &place.sin_addr);
  socklen_t size = sizeof place;
  if (::bind(listener.fd(), reinterpret_cast<sockaddr*>(&place), size) != 0) fail("binding " + address);
  if (::listen(listener.fd(), 1) != 0) fail("listening");
  ::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&place), &size);
  const Socket sender(socket_of(from));
  if (::connect(sender.fd(), reinterpret_cast<const sockaddr*>(&place), size) != 0) fail("connecting to " + address);
  auto sending = std::async(std::launch::async, [&] { send_all(sender); });
  double seconds = 0;
  std::uint64_t counted = 0;
  {
    const Socket receiver(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
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

}  // namespace support
