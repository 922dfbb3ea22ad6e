#include "netlink/message.hpp"

#include <gmock/gmock.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cstring>
#include <string>

#include "base/error.hpp"
#include "netlink/attributes.hpp"

namespace netlink {
namespace {

VethPlan plan() {
  VethPlan plan;
  plan.host_name = "vnet7";
  plan.bridge = "br0";
  plan.guest_name = "eth0";
  plan.guest_mac = {0x00, 0x16, 0x3E, 0x01, 0x02, 0x03};
  return plan;
}

TEST(Message, VethIsOneRequestForBothEnds) {
  VethPlan wanted = plan();
  wanted.mtu = 1400;
  const Message message = veth_message(wanted, 12, 34);
  const nlmsghdr* header = nlmsg_hdr(message.get());
  EXPECT_EQ(header->nlmsg_type, RTM_NEWLINK);
  EXPECT_EQ(header->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL), NLM_F_CREATE | NLM_F_EXCL);
  const auto link = header_of<ifinfomsg>(message);
  EXPECT_EQ(link.ifi_flags, unsigned{IFF_UP});
  EXPECT_EQ(link.ifi_change, unsigned{IFF_UP});

  const auto host = attributes<ifinfomsg>(message);
  EXPECT_EQ(host.at(IFLA_IFNAME), text("vnet7"));
  EXPECT_EQ(host.at(IFLA_ADDRESS), std::string("\xFE\x16\x3E\x01\x02\x03", 6));
  EXPECT_EQ(host.at(IFLA_MTU), number(1400));
  EXPECT_EQ(host.at(IFLA_MASTER), number(12));
  const auto info = parse(host.at(IFLA_LINKINFO).data(), host.at(IFLA_LINKINFO).size());
  EXPECT_EQ(info.at(IFLA_INFO_KIND), text("veth"));
  const auto data = parse(info.at(IFLA_INFO_DATA).data(), info.at(IFLA_INFO_DATA).size());
  const std::string& peer = data.at(VETH_INFO_PEER);
  ifinfomsg peer_link;
  std::memcpy(&peer_link, peer.data(), sizeof peer_link);
  EXPECT_EQ(peer_link.ifi_change, 0U) << "a peer born up is refused by the driver";
  const auto guest = parse(peer.data() + sizeof(ifinfomsg), peer.size() - sizeof(ifinfomsg));
  EXPECT_EQ(guest.at(IFLA_IFNAME), text("eth0"));
  EXPECT_EQ(guest.at(IFLA_ADDRESS), std::string("\x00\x16\x3E\x01\x02\x03", 6));
  EXPECT_EQ(guest.at(IFLA_MTU), number(1400));
  EXPECT_EQ(guest.at(IFLA_NET_NS_FD), number(34));
}

TEST(Message, VethLeavesOutWhatThePlanLeavesOpen) {
  VethPlan wanted = plan();
  wanted.host_up = false;
  const Message message = veth_message(wanted, 0, 3);
  const auto host = attributes<ifinfomsg>(message);
  EXPECT_EQ(host.count(IFLA_MTU), 0U);
  EXPECT_EQ(host.count(IFLA_MASTER), 0U);
  EXPECT_EQ(header_of<ifinfomsg>(message).ifi_change, 0U);
}

TEST(Message, HostAddressNeverEqualsTheGuests) {
  VethPlan wanted = plan();
  EXPECT_EQ(host_mac(wanted)[0], 0xFE);
  wanted.guest_mac[0] = 0xFE;
  EXPECT_EQ(host_mac(wanted)[0], 0xFA);
  wanted.host_mac = Mac{2, 0, 0, 0, 0, 1};
  EXPECT_EQ(host_mac(wanted), *wanted.host_mac);
}

TEST(Message, LinkNames) {
  for (const char* good : {"eth0", "a", "fifteen-letters", "br.1", "x@y"}) EXPECT_TRUE(valid_link_name(good)) << good;
  for (const std::string bad : {"", ".", "..", "sixteen-letters-", "a/b", "a b", "a:b", "a\tb"})
    EXPECT_FALSE(valid_link_name(bad)) << bad;
  EXPECT_FALSE(valid_link_name(std::string("a\0b", 3)));
}

TEST(Message, ImpossibleNamesAreRefusedBeforeTheKernelSeesThem) {
  VethPlan wanted = plan();
  wanted.guest_name = "a/b";
  EXPECT_THROW(veth_message(wanted, 0, 3), base::Error);
  wanted = plan();
  wanted.host_name = "";
  EXPECT_THROW(veth_message(wanted, 0, 3), base::Error);
  EXPECT_THROW(bridge_message("name-far-too-long-for-a-device"), base::Error);
}

TEST(Message, AddressOfIpv4HasItsBroadcast) {
  const Message message = address_message(5, "192.0.2.7", 26, "");
  const auto header = header_of<ifaddrmsg>(message);
  EXPECT_EQ(header.ifa_family, AF_INET);
  EXPECT_EQ(header.ifa_prefixlen, 26);
  EXPECT_EQ(header.ifa_index, 5U);
  EXPECT_EQ(header.ifa_flags, 0);
  const auto found = attributes<ifaddrmsg>(message);
  EXPECT_EQ(found.at(IFA_LOCAL), std::string("\xC0\x00\x02\x07", 4));
  EXPECT_EQ(found.at(IFA_ADDRESS), found.at(IFA_LOCAL));
  EXPECT_EQ(found.at(IFA_BROADCAST), std::string("\xC0\x00\x02\x3F", 4));
  EXPECT_EQ(attributes<ifaddrmsg>(address_message(5, "192.0.2.7", 31, "")).count(IFA_BROADCAST), 0U);
}

TEST(Message, AddressWithPeer) {
  const auto found = attributes<ifaddrmsg>(address_message(5, "192.0.2.7", 32, "192.0.2.1"));
  EXPECT_EQ(found.at(IFA_LOCAL), std::string("\xC0\x00\x02\x07", 4));
  EXPECT_EQ(found.at(IFA_ADDRESS), std::string("\xC0\x00\x02\x01", 4));
  EXPECT_EQ(found.count(IFA_BROADCAST), 0U);
}

TEST(Message, AddressOfIpv6SkipsDuplicateDetection) {
  const Message message = address_message(5, "2001:db8::7", 64, "");
  EXPECT_EQ(header_of<ifaddrmsg>(message).ifa_flags, IFA_F_NODAD);
  EXPECT_EQ(attributes<ifaddrmsg>(message).at(IFA_LOCAL).size(), 16U);
}

TEST(Message, DefaultRouteHasNoDestination) {
  const Message message = route_message("0.0.0.0", 0, "192.0.2.1", 0);
  const auto header = header_of<rtmsg>(message);
  EXPECT_EQ(header.rtm_dst_len, 0);
  EXPECT_EQ(header.rtm_table, RT_TABLE_MAIN);
  EXPECT_EQ(header.rtm_type, RTN_UNICAST);
  const auto found = attributes<rtmsg>(message);
  EXPECT_EQ(found.count(RTA_DST), 0U);
  EXPECT_EQ(found.count(RTA_PRIORITY), 0U);
  EXPECT_EQ(found.at(RTA_GATEWAY), std::string("\xC0\x00\x02\x01", 4));
}

TEST(Message, RouteWithMetric) {
  const auto found = attributes<rtmsg>(route_message("2001:db8:1::", 48, "2001:db8::1", 9));
  EXPECT_EQ(found.at(RTA_DST).size(), 16U);
  EXPECT_EQ(found.at(RTA_PRIORITY), number(9));
}

TEST(Message, AddressesThatAreNoneAreRefused) {
  EXPECT_THROW(address_message(1, "192.0.2", 24, ""), base::Error);
  EXPECT_THROW(address_message(1, "", 24, ""), base::Error);
  EXPECT_THROW(address_message(1, "192.0.2.7", 33, ""), base::Error);
  EXPECT_THROW(address_message(1, "2001:db8::7", 129, ""), base::Error);
  EXPECT_THROW(address_message(1, "192.0.2.7", 24, "2001:db8::1"), base::Error);
  EXPECT_THROW(route_message("0.0.0.0", 0, "2001:db8::1", 0), base::Error);
  EXPECT_THROW(route_message("0.0.0.0", 0, "", 0), base::Error);
}

}  // namespace
}  // namespace netlink
