// What links there are, with their addresses, counters and neighbours, in network namespaces of the test's own.
#include "netlink/link_list.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include <chrono>

#include "kernel_fixture.hpp"
#include "netlink/address.hpp"
#include "netlink/link.hpp"

namespace netlink {
namespace {

class LinkList : public NetlinkKernel {};

TEST_F(LinkList, NamesAddressesAndTheOtherEnd) {
  Namespace guest = make_namespace();
  const Veth veth = Veth::create(*socket_, plan("host0", ""), guest.fd.get());
  Socket inside = Socket::in(guest.fd.get());
  add_address(inside, "eth0", "192.0.2.7", 24);
  add_address(inside, "eth0", "192.0.2.8", 32, "192.0.2.9");
  add_address(inside, "eth0", "2001:db8::7", 64);
  const auto links = list_links(inside);
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0].name, "lo");
  EXPECT_EQ(links[0].mac, std::nullopt);
  EXPECT_EQ(links[1].name, "eth0");
  EXPECT_EQ(links[1].mac, plan("", "").guest_mac);
  EXPECT_EQ(links[1].other_end, veth.host_index());
  EXPECT_THAT(links[1].addresses, testing::UnorderedElementsAre(LinkAddress{AF_INET, "192.0.2.7", 24},
                                                                LinkAddress{AF_INET, "192.0.2.8", 32},
                                                                LinkAddress{AF_INET6, "2001:db8::7", 64}));
  const auto host_end = look_at_link(*socket_, "host0");
  ASSERT_TRUE(host_end);
  EXPECT_EQ(host_end->other_end, links[1].index);
  EXPECT_EQ(look_at_link(*socket_, "nothere"), std::nullopt);
}

TEST_F(LinkList, CountsOfALinkThatIsNotThereAreNothing) {
  const auto loopback = find_link(*socket_, "lo");
  ASSERT_TRUE(loopback);
  EXPECT_EQ(count_link(*socket_, *loopback), LinkCounters{});
  EXPECT_EQ(count_link(*socket_, 77777), std::nullopt);
}

TEST_F(LinkList, NeighboursThatAnswered) {
  Namespace guest = make_namespace();
  const Veth veth = Veth::create(*socket_, plan("host0", ""), guest.fd.get());
  Socket inside = Socket::in(guest.fd.get());
  add_address(*socket_, "host0", "192.0.2.1", 24);
  add_address(inside, "eth0", "192.0.2.7", 24);
  set_link_up(*socket_, "host0", true);
  set_link_up(inside, "eth0", true);
  EXPECT_TRUE(list_neighbors(*socket_).empty());
  // A datagram to the other end makes the kernel ask who has that address; the answer is an entry.
  const base::Fd datagram(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  ASSERT_EQ(::inet_pton(AF_INET, "192.0.2.7", &to.sin_addr), 1);
  std::vector<Neighbor> neighbors;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (neighbors.empty() && std::chrono::steady_clock::now() < end) {
    ::sendto(datagram.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    std::this_thread::yield();
    neighbors = list_neighbors(*socket_);
  }
  ASSERT_EQ(neighbors.size(), 1u);
  EXPECT_EQ(neighbors[0], (Neighbor{plan("", "").guest_mac, {AF_INET, "192.0.2.7", 32}}));
}

}  // namespace
}  // namespace netlink
