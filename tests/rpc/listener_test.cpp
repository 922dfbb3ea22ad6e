#include "rpc/listener.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vector>

#include "base/event_loop.hpp"

namespace rpc {
namespace {

base::Fd unix_socket() {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw std::runtime_error("cannot make a socket");
  return fd;
}

TEST(Listener, ACrowdOfNewClientsHoldsNobodyUp) {
  constexpr int kCrowd = 20;
  base::Fd socket = unix_socket();
  sockaddr_un address{};  // an abstract name that the kernel chooses (unix(7), autobind)
  address.sun_family = AF_UNIX;
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
  ASSERT_EQ(::listen(socket.get(), kCrowd), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<base::Fd> crowd;
  for (int i = 0; i < kCrowd; ++i) {
    crowd.push_back(unix_socket());
    ASSERT_EQ(::connect(crowd.back().get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  }

  base::EventLoop loop;
  std::vector<base::Fd> accepted;
  std::size_t accepted_before_the_other = kCrowd;
  Listener listener(
      loop, std::move(socket), [] { return true; },
      [&](base::Fd client, PeerCredentials peer) {
        EXPECT_EQ(peer.pid, ::getpid());
        accepted.push_back(std::move(client));
        if (accepted.size() == kCrowd) loop.stop();
      });
  // Somebody who is there already, and ready at the same time.
  const auto [ours, theirs] = base::socket_pair(SOCK_STREAM);
  ASSERT_EQ(::write(theirs.get(), "x", 1), 1);
  const base::Watch other = loop.on_fd(ours.get(), EPOLLIN, [&, in = ours.get()](std::uint32_t) {
    char byte = 0;
    EXPECT_EQ(::read(in, &byte, 1), 1);
    accepted_before_the_other = accepted.size();
  });
  loop.run();
  EXPECT_EQ(accepted.size(), kCrowd);
  EXPECT_LE(accepted_before_the_other, 1U);
}

}  // namespace
}  // namespace rpc
