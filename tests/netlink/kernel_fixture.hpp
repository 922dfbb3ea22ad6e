// A test in a network namespace of its own. Root only.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "netlink/socket.hpp"
#include "netlink/veth.hpp"

namespace netlink {

inline constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

inline base::Fd current_namespace() {
  return base::open_file(kOwnNamespace, O_RDONLY);
}

inline base::Fd route_socket() {
  base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) throw std::runtime_error("socket");
  return fd;
}

/// A network namespace kept alive by its descriptor, with a route socket opened in it, as a container's init would.
struct Namespace {
  base::Fd fd, socket;
};

inline Namespace make_namespace() {
  Namespace made;
  std::thread([&made] {  // so that the test's own thread stays where it is
    if (::unshare(CLONE_NEWNET) != 0) return;
    made.fd = current_namespace();
    made.socket = route_socket();
  })
      .join();
  if (!made.socket) throw std::runtime_error("cannot make a network namespace");
  return made;
}

class NetlinkKernel : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    home_ = current_namespace();
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "no network namespaces here: " << strerror(errno);
    socket_.emplace();
  }
  void TearDown() override {
    if (!home_) return;
    ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0);
  }
  static VethPlan plan(const std::string& host, const std::string& bridge) {
    VethPlan plan;
    plan.host_name = host;
    plan.bridge = bridge;
    plan.guest_name = "eth0";
    plan.guest_mac = {0x52, 0x54, 0x00, 0x11, 0x22, 0x33};
    return plan;
  }

  base::Fd home_;
  std::optional<Socket> socket_;
};

}  // namespace netlink
