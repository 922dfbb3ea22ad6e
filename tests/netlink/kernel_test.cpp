// Links, addresses and routes in network namespaces of the test's own. Root only.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "netlink/address.hpp"
#include "netlink/bridge.hpp"
#include "netlink/kernel_fixture.hpp"
#include "netlink/link.hpp"
#include "netlink/link_counters.hpp"
#include "netlink/message.hpp"
#include "netlink/veth.hpp"

namespace netlink {
namespace {

/// What a test wants to know of a link, from the kernel's answer.
struct LinkView {
  std::string mac;
  unsigned mtu = 0, flags = 0;
  int master = 0;
};

LinkView view(Socket& socket, const std::string& name) {
  LinkView seen;
  const Message message = get_link_message(name);
  const Outcome outcome = socket.exchange(message.get(), [&](nlmsghdr* answer) {
    seen.flags = static_cast<ifinfomsg*>(nlmsg_data(answer))->ifi_flags;
    const auto get = [&](int type) { return nlmsg_find_attr(answer, sizeof(ifinfomsg), type); };
    if (nlattr* mtu = get(IFLA_MTU)) seen.mtu = nla_get_u32(mtu);
    if (nlattr* master = get(IFLA_MASTER)) seen.master = static_cast<int>(nla_get_u32(master));
    if (nlattr* mac = get(IFLA_ADDRESS)) {
      char text[32];
      const auto* byte = static_cast<const unsigned char*>(nla_data(mac));
      std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", byte[0], byte[1], byte[2], byte[3], byte[4],
                    byte[5]);
      seen.mac = text;
    }
  });
  EXPECT_EQ(outcome.error, 0) << name;
  return seen;
}

TEST_F(NetlinkKernel, VethIsBornInBridgeAndNamespace) {
  const int bridge = create_bridge(*socket_, "lxt-br0");
  Namespace inside = make_namespace();
  VethPlan wanted = plan("lxt-v0", "lxt-br0");
  wanted.mtu = 1400;
  const Veth veth = Veth::create(*socket_, wanted, inside.fd.get());
  EXPECT_EQ(find_link(*socket_, "lxt-v0"), veth.host_index());

  const LinkView host = view(*socket_, "lxt-v0");
  EXPECT_EQ(host.mac, "fe:54:00:11:22:33");
  EXPECT_EQ(host.mtu, 1400U);
  EXPECT_EQ(host.master, bridge);
  EXPECT_TRUE(host.flags & IFF_UP);

  Socket guest_socket(std::move(inside.socket));
  EXPECT_THAT(link_names(guest_socket), testing::UnorderedElementsAre("lo", "eth0"));
  const LinkView guest = view(guest_socket, "eth0");
  EXPECT_EQ(guest.mac, "52:54:00:11:22:33");
  EXPECT_EQ(guest.mtu, 1400U);
  EXPECT_FALSE(guest.flags & IFF_UP);
  EXPECT_EQ(find_link(*socket_, "eth0"), std::nullopt) << "never seen outside";
}

TEST_F(NetlinkKernel, VethGoesWithItsOwnerUnlessReleased) {
  const Namespace inside = make_namespace();
  {
    const Veth veth = Veth::create(*socket_, plan("lxt-v0", ""), inside.fd.get());
    EXPECT_TRUE(find_link(*socket_, "lxt-v0"));
  }
  EXPECT_FALSE(find_link(*socket_, "lxt-v0"));
  {
    Veth veth = Veth::create(*socket_, plan("lxt-v1", ""), inside.fd.get());
    Veth moved = std::move(veth);
    EXPECT_EQ(moved.host_name(), "lxt-v1");
    moved.release();
  }
  EXPECT_TRUE(find_link(*socket_, "lxt-v1"));
}

TEST_F(NetlinkKernel, VethDiesWithItsNamespace) {
  std::optional<Namespace> inside = make_namespace();
  Veth::create(*socket_, plan("lxt-v0", ""), inside->fd.get()).release();
  inside.reset();
  for (int i = 0; i < 2000 && find_link(*socket_, "lxt-v0"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(find_link(*socket_, "lxt-v0"));
}

TEST_F(NetlinkKernel, L1_MissingBridgeIsNamedAndNothingIsMade) {
  Namespace inside = make_namespace();
  const auto before = link_names(*socket_);
  try {
    Veth::create(*socket_, plan("lxt-v0", "lxt-nobr"), inside.fd.get());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::SystemError);
    EXPECT_EQ(error.system_errno(), ENODEV);
    EXPECT_THAT(error.message(), testing::HasSubstr("bridge 'lxt-nobr'"));
  }
  EXPECT_EQ(link_names(*socket_), before);
  Socket guest(std::move(inside.socket));
  EXPECT_THAT(link_names(guest), testing::ElementsAre("lo"));
}

TEST_F(NetlinkKernel, L1_MasterThatIsNoBridgeLeavesNothing) {
  const Namespace inside = make_namespace();
  const auto before = link_names(*socket_);
  try {
    Veth::create(*socket_, plan("lxt-v0", "lo"), inside.fd.get());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message(), testing::HasSubstr("'lxt-v0' in bridge 'lo'"));
  }
  EXPECT_EQ(link_names(*socket_), before);
}

TEST_F(NetlinkKernel, NameClashesSayWhichEnd) {
  const Namespace inside = make_namespace();
  const Veth first = Veth::create(*socket_, plan("lxt-v0", ""), inside.fd.get());
  const auto error_of = [&](const VethPlan& wanted, int netns) -> std::string {
    try {
      Veth::create(*socket_, wanted, netns);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.system_errno(), EEXIST);
      return error.what();
    }
    return "no error";
  };
  const Namespace other = make_namespace();
  EXPECT_THAT(error_of(plan("lxt-v0", ""), other.fd.get()), testing::HasSubstr("'lxt-v0' exists already"));
  EXPECT_THAT(error_of(plan("lxt-v1", ""), inside.fd.get()), testing::HasSubstr("'eth0'"));
  EXPECT_FALSE(find_link(*socket_, "lxt-v1"));
  EXPECT_TRUE(find_link(*socket_, "lxt-v0")) << "the first one is untouched";
}

TEST_F(NetlinkKernel, BadNamespaceDescriptor) {
  const base::Fd file = base::open_file("/dev/null", O_RDONLY);
  EXPECT_THROW(Veth::create(*socket_, plan("lxt-v0", ""), file.get()), base::Error);
  EXPECT_FALSE(find_link(*socket_, "lxt-v0"));
}

TEST_F(NetlinkKernel, LinksGoUpDownAreRenamedAndDeleted) {
  create_bridge(*socket_, "lxt-br0");
  EXPECT_TRUE(view(*socket_, "lxt-br0").flags & IFF_UP);
  set_link_up(*socket_, "lxt-br0", false);
  EXPECT_FALSE(view(*socket_, "lxt-br0").flags & IFF_UP);
  rename_link(*socket_, "lxt-br0", "lxt-br1");
  EXPECT_THAT(link_names(*socket_), testing::UnorderedElementsAre("lo", "lxt-br1"));
  delete_link(*socket_, "lxt-br1");
  EXPECT_THAT(link_names(*socket_), testing::ElementsAre("lo"));
  EXPECT_NO_THROW(delete_link(*socket_, "lxt-br1")) << "gone already";
  EXPECT_THROW(set_link_up(*socket_, "lxt-br1", true), base::Error);
  EXPECT_THROW(rename_link(*socket_, "lxt-br1", "x"), base::Error);
  EXPECT_THROW(create_bridge(*socket_, "lo"), base::Error);
}

TEST_F(NetlinkKernel, UnknownAndImpossibleNamesAreNotFound) {
  EXPECT_EQ(find_link(*socket_, "lxt-none"), std::nullopt);
  EXPECT_EQ(find_link(*socket_, "a-name-no-device-can-have"), std::nullopt);
  EXPECT_EQ(find_link(*socket_, ""), std::nullopt);
  for (const char* name : {"lxt-none", "", ".", "..", "../lo", "lo/.."})
    EXPECT_EQ(read_link_counters(name), std::nullopt) << name;
}

TEST_F(NetlinkKernel, KernelsOwnWordsReachTheError) {
  set_link_up(*socket_, "lo", true);
  try {
    add_route(*socket_, "198.51.100.0", 24, "203.0.113.1", 0);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.system_errno(), ENETUNREACH);
    EXPECT_THAT(error.what(), testing::HasSubstr("(Nexthop has invalid gateway)"));
  }
}

TEST_F(NetlinkKernel, AddressesAndRoutesInsideThroughAnAdoptedSocket) {
  create_bridge(*socket_, "lxt-br0");
  Namespace inside = make_namespace();
  const Veth veth = Veth::create(*socket_, plan("lxt-v0", "lxt-br0"), inside.fd.get());
  Socket guest(std::move(inside.socket));
  set_link_up(guest, "lo", true);
  set_link_up(guest, "eth0", true);
  add_address(guest, "eth0", "192.0.2.7", 24);
  add_address(guest, "eth0", "2001:db8::7", 64);
  add_route(guest, "0.0.0.0", 0, "192.0.2.1", 0);
  add_route(guest, "::", 0, "2001:db8::1", 5);
  add_route(guest, "198.51.100.0", 24, "192.0.2.2", 7);
  EXPECT_THROW(add_address(guest, "eth0", "192.0.2.7", 24), base::Error) << "twice";
  EXPECT_THROW(add_address(guest, "eth9", "192.0.2.7", 24), base::Error);
  EXPECT_THROW(add_route(guest, "0.0.0.0", 0, "192.0.2.1", 0), base::Error) << "twice";

  // With NODAD the IPv6 address is usable at once: bind says so.
  int bound = -1;
  std::string routes;
  std::thread([&] {
    if (::setns(inside.fd.get(), CLONE_NEWNET) != 0) return;
    const base::Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, "2001:db8::7", &address.sin6_addr);
    bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    routes = base::read_file("/proc/thread-self/net/route");
  }).join();
  EXPECT_EQ(bound, 0);
  EXPECT_THAT(routes, testing::HasSubstr("eth0\t00000000\t010200C0")) << "default by 192.0.2.1";
  EXPECT_THAT(routes, testing::ContainsRegex("eth0\t006433C6\t020200C0\t[0-9]+\t0\t0\t7")) << "metric 7";
}

TEST_F(NetlinkKernel, CountersCount) {
  create_bridge(*socket_, "lxt-br0");
  add_address(*socket_, "lxt-br0", "192.0.2.1", 24);
  Namespace inside = make_namespace();
  const Veth veth = Veth::create(*socket_, plan("lxt-v0", "lxt-br0"), inside.fd.get());
  Socket guest(std::move(inside.socket));
  set_link_up(guest, "eth0", true);
  add_address(guest, "eth0", "192.0.2.7", 24);
  std::thread([&] {
    if (::setns(inside.fd.get(), CLONE_NEWNET) != 0) return;
    const base::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    ::inet_pton(AF_INET, "192.0.2.255", &to.sin_addr);  // broadcast, which no ARP can delay
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    for (int i = 0; i < 5; ++i) ::sendto(fd.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }).join();
  LinkCounters counters;
  for (int i = 0; i < 2000 && counters.rx_packets < 5; ++i) {
    counters = read_link_counters().at("lxt-v0");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(counters.rx_packets, 5U) << "the host end receives what the container sends";
  EXPECT_GT(counters.rx_bytes, 0U);
  EXPECT_EQ(read_link_counters().at("lo").rx_packets, 0U);
}

TEST_F(NetlinkKernel, ManyLinksAreListed) {
  const Namespace inside = make_namespace();
  for (int i = 0; i < 60; ++i) {
    VethPlan wanted = plan("lxt-v" + std::to_string(i), "");
    wanted.guest_name = "g" + std::to_string(i);
    Veth::create(*socket_, wanted, inside.fd.get()).release();
  }
  EXPECT_EQ(link_names(*socket_).size(), 61U);
}

TEST_F(NetlinkKernel, SocketsDoNotLeak) {
  const auto count = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = count();
  {
    Socket one, two;
    one = std::move(two);
    const Socket adopted(route_socket());
    EXPECT_THROW(Socket(base::open_file("/dev/null", O_RDONLY)), base::Error);
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace netlink
