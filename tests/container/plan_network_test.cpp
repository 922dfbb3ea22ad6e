#include <gmock/gmock.h>

#include "base/error.hpp"
#include "container/plan_container.hpp"

namespace container {
namespace {

using domain_xml::DomainDefinition;
using domain_xml::Interface;

Interface bridged(const std::string& bridge) {
  Interface interface;
  interface.source = domain_xml::InterfaceBridge{bridge};
  interface.mac.bytes = {0x52, 0x54, 0, 1, 2, 3};
  return interface;
}

std::vector<LinkPlan> links(std::vector<Interface> interfaces) {
  DomainDefinition definition;
  definition.interfaces = std::move(interfaces);
  return plan_links(definition);
}

base::Code refusal(Interface interface) {
  try {
    links({std::move(interface)});
  } catch (const base::Error& error) {
    return error.code();
  }
  return base::Code::Ok;
}

TEST(PlanNetwork, NamesInsideCountUnnamedInterfacesOnly) {
  auto named = bridged("br0");
  named.guest_dev = "lan";
  const auto planned = links({bridged("br0"), named, bridged("br1")});
  ASSERT_EQ(planned.size(), 3u);
  EXPECT_EQ(planned[0].veth.guest_name, "eth0");
  EXPECT_EQ(planned[1].veth.guest_name, "lan");
  EXPECT_EQ(planned[2].veth.guest_name, "eth1");
  EXPECT_EQ(planned[2].veth.bridge, "br1");
  EXPECT_EQ(planned[0].veth.host_name, "");
  EXPECT_EQ(planned[0].veth.guest_mac, (netlink::Mac{0x52, 0x54, 0, 1, 2, 3}));
}

TEST(PlanNetwork, UpInsideOnlyWithAnAddressOrWhenAsked) {
  EXPECT_FALSE(links({bridged("br0")})[0].guest_up);
  auto up = bridged("br0");
  up.link_up = true;
  EXPECT_TRUE(links({up})[0].guest_up);
  auto addressed = bridged("br0");
  addressed.ips = {{.address = "192.0.2.7"}};
  EXPECT_TRUE(links({addressed})[0].guest_up);
  EXPECT_TRUE(links({addressed})[0].veth.host_up);
}

TEST(PlanNetwork, LinkDownAndMtuAreHonoured_N6) {
  auto interface = bridged("br0");
  interface.link_up = false;
  interface.mtu = 1400;
  EXPECT_FALSE(links({interface})[0].veth.host_up);
  EXPECT_EQ(links({interface})[0].veth.mtu, 1400u);
}

TEST(PlanNetwork, AbsentPrefixes) {
  auto interface = bridged("br0");
  interface.ips = {
      {.address = "10.1.2.3"}, {.address = "2001:db8::1", .family = "ipv6"}, {.address = "10.0.0.1", .prefix = 9}};
  interface.routes = {{.family = "ipv4", .address = "0.0.0.0", .gateway = "10.1.2.1"},
                      {.family = "ipv4", .address = "172.16.0.0", .gateway = "10.1.2.1", .metric = 7},
                      {.family = "ipv6", .address = "::", .gateway = "2001:db8::ff"}};
  const auto plan = links({interface})[0];
  EXPECT_EQ(plan.addresses[0].prefix, 24u);  // N12: not all of 10.0.0.0/8
  EXPECT_EQ(plan.addresses[1].prefix, 64u);
  EXPECT_EQ(plan.addresses[2].prefix, 9u);
  EXPECT_EQ(plan.routes[0], (RoutePlan{"0.0.0.0", 0, "10.1.2.1", 1}));
  EXPECT_EQ(plan.routes[1], (RoutePlan{"172.16.0.0", 16, "10.1.2.1", 7}));
  EXPECT_EQ(plan.routes[2], (RoutePlan{"::", 0, "2001:db8::ff", 1}));
}

TEST(PlanNetwork, TypesThatCannotStart) {
  Interface user;
  user.source = domain_xml::InterfaceOther{"user", {}};
  EXPECT_EQ(refusal(user), base::Code::InternalError);
  Interface network;
  network.source = domain_xml::InterfaceNetwork{"default", "", ""};
  EXPECT_EQ(refusal(network), base::Code::ConfigUnsupported);
  Interface direct;
  direct.source = domain_xml::InterfaceDirect{"eth0"};
  EXPECT_EQ(refusal(direct), base::Code::ConfigUnsupported);
  Interface ethernet;
  ethernet.source = domain_xml::InterfaceEthernet{};
  EXPECT_EQ(refusal(ethernet), base::Code::Ok);
}

TEST(PlanNetwork, NamesTheKernelWouldRefuse) {
  auto twice = bridged("br0");
  twice.guest_dev = "eth0";
  EXPECT_THROW(links({bridged("br0"), twice}), base::Error);
  auto longer = bridged("br0");
  longer.target_dev = "sixteen-letters-";
  EXPECT_EQ(refusal(longer), base::Code::ConfigUnsupported);
}

}  // namespace
}  // namespace container
