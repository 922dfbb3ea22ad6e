#include "netlink/port.hpp"

#include <gmock/gmock.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "netlink/attributes.hpp"
#include "netlink/macvlan.hpp"

namespace netlink {
namespace {

TEST(Port, IsolationIsABridgeAttribute) {
  const Message message = isolate_port_message(7, true);
  EXPECT_EQ(header_of<ifinfomsg>(message).ifi_family, AF_BRIDGE);
  EXPECT_EQ(header_of<ifinfomsg>(message).ifi_index, 7);
  const auto found = attributes<ifinfomsg>(message);
  const auto info = parse(found.at(IFLA_PROTINFO).data(), found.at(IFLA_PROTINFO).size());
  EXPECT_EQ(info.at(IFLA_BRPORT_ISOLATED), std::string("\1", 1));
}

TEST(Port, VlansOfATrunk) {
  const Message message = add_port_vlans_message(7, {{5, true, true}});
  const auto found = attributes<ifinfomsg>(message);
  const auto list = parse(found.at(IFLA_AF_SPEC).data(), found.at(IFLA_AF_SPEC).size());
  bridge_vlan_info info;
  std::memcpy(&info, list.at(IFLA_BRIDGE_VLAN_INFO).data(), sizeof info);
  EXPECT_EQ(info.vid, 5);
  EXPECT_EQ(info.flags, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
  EXPECT_EQ(nlmsg_hdr(remove_port_vlan_message(7, 1).get())->nlmsg_type, RTM_DELLINK);
}

TEST(Port, ABridgeThatIsNoneFiltersNothing) {
  EXPECT_FALSE(filters_vlans("lo"));
  EXPECT_FALSE(filters_vlans("lxt-none"));
}

TEST(MacvlanMessage, IsBornInsideWithItsAddress) {
  const Message message = macvlan_message({.parent = "eth7",
                                           .mode = MacvlanMode::Bridge,
                                           .guest_name = "lan0",
                                           .guest_mac = {2, 0, 0, 0, 0, 9},
                                           .mtu = 1400},
                                          5, 34);
  const auto found = attributes<ifinfomsg>(message);
  EXPECT_EQ(found.at(IFLA_IFNAME), text("lan0"));
  EXPECT_EQ(found.at(IFLA_LINK), number(5));
  EXPECT_EQ(found.at(IFLA_NET_NS_FD), number(34));
  EXPECT_EQ(found.at(IFLA_MTU), number(1400));
  EXPECT_EQ(found.at(IFLA_ADDRESS), std::string("\2\0\0\0\0\x09", 6));
  const auto info = parse(found.at(IFLA_LINKINFO).data(), found.at(IFLA_LINKINFO).size());
  EXPECT_EQ(info.at(IFLA_INFO_KIND), text("macvlan"));
  const auto data = parse(info.at(IFLA_INFO_DATA).data(), info.at(IFLA_INFO_DATA).size());
  EXPECT_EQ(data.at(IFLA_MACVLAN_MODE), number(MACVLAN_MODE_BRIDGE));
}

}  // namespace
}  // namespace netlink
