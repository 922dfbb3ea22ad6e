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

const netlink::VethPlan& veth(const LinkPlan& plan) {
  return std::get<netlink::VethPlan>(plan.kind);
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
  EXPECT_EQ(planned[0].guest_name(), "eth0");
  EXPECT_EQ(planned[1].guest_name(), "lan");
  EXPECT_EQ(planned[2].guest_name(), "eth1");
  EXPECT_EQ(veth(planned[2]).bridge, "br1");
  EXPECT_EQ(veth(planned[0]).host_name, "");
  EXPECT_EQ(veth(planned[0]).guest_mac, (netlink::Mac{0x52, 0x54, 0, 1, 2, 3}));
}

TEST(PlanNetwork, UpInsideOnlyWithAnAddressOrWhenAsked) {
  EXPECT_FALSE(links({bridged("br0")})[0].guest_up);
  auto up = bridged("br0");
  up.link_up = true;
  EXPECT_TRUE(links({up})[0].guest_up);
  auto addressed = bridged("br0");
  addressed.ips = {{.address = "192.0.2.7"}};
  EXPECT_TRUE(links({addressed})[0].guest_up);
  EXPECT_TRUE(veth(links({addressed})[0]).host_up);
}

TEST(PlanNetwork, LinkDownAndMtuAreHonoured_N6) {
  auto interface = bridged("br0");
  interface.link_up = false;
  interface.mtu = 1400;
  EXPECT_FALSE(veth(links({interface})[0]).host_up);
  EXPECT_EQ(veth(links({interface})[0]).mtu, 1400u);
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
  Interface ethernet;
  ethernet.source = domain_xml::InterfaceEthernet{};
  EXPECT_EQ(refusal(ethernet), base::Code::Ok);
}

TEST(PlanNetwork, DirectIsAMacvlan) {
  auto direct = bridged("");
  direct.source = domain_xml::InterfaceDirect{.dev = "eth7", .mode = "passthrough"};
  direct.mtu = 1400;
  const auto plan = links({direct})[0];
  EXPECT_EQ(std::get<netlink::MacvlanPlan>(plan.kind),
            (netlink::MacvlanPlan{"eth7", netlink::MacvlanMode::Passthrough, "eth0", direct.mac.bytes, 1400}));
  EXPECT_TRUE(plan.guest_up) << "as it has no host end, nobody else would bring it up";
  direct.link_up = false;
  EXPECT_FALSE(links({direct})[0].guest_up);
  direct.vlan = domain_xml::Vlan{.tags = {{.id = 7}}};
  EXPECT_EQ(refusal(direct), base::Code::ConfigUnsupported);
}

TEST(PlanNetwork, EthernetHasAddressesOnTheHost) {
  auto ethernet = bridged("");
  ethernet.source = domain_xml::InterfaceEthernet{
      .host_ips = {{.address = "192.0.2.1", .prefix = 30}},
      .host_routes = {{.family = "ipv4", .address = "198.51.100.0", .gateway = "192.0.2.2", .prefix = 24}}};
  const auto plan = links({ethernet})[0];
  EXPECT_EQ(plan.host_addresses, (std::vector<AddressPlan>{{"192.0.2.1", 30, ""}}));
  EXPECT_EQ(plan.host_routes, (std::vector<RoutePlan>{{"198.51.100.0", 24, "192.0.2.2", 1}}));
  EXPECT_EQ(veth(plan).bridge, "");
}

TEST(PlanNetwork, BandwidthAndIsolationAreOfTheHostEnd) {
  auto interface = bridged("br0");
  interface.port_isolated = true;
  interface.bandwidth = domain_xml::Bandwidth{.outbound = domain_xml::BandwidthRate{.average = 10, .peak = 20}};
  const auto plan = links({interface})[0];
  EXPECT_TRUE(plan.isolated);
  EXPECT_EQ(plan.bandwidth.inbound, std::nullopt);
  EXPECT_EQ(plan.bandwidth.outbound, (netlink::BandwidthRate{.average = 10, .peak = 20}));
}

TEST(PlanNetwork, VlanTags) {
  auto interface = bridged("br0");
  interface.vlan = domain_xml::Vlan{.tags = {{.id = 7}}};
  EXPECT_EQ(links({interface})[0].vlans, (std::vector<netlink::PortVlan>{{7, true, true}}));
  interface.vlan =
      domain_xml::Vlan{.trunk = true, .tags = {{.id = 7}, {.id = 8, .native_mode = "untagged"}, {.id = 9}}};
  EXPECT_EQ(links({interface})[0].vlans,
            (std::vector<netlink::PortVlan>{{7, false, false}, {8, true, true}, {9, false, false}}));
}

TEST(PlanNetwork, OpenvswitchTakesTheBridgesPlace) {
  auto interface = bridged("ovsbr");
  interface.virtual_port = domain_xml::VirtualPort{.type = "openvswitch", .parameters = {{"profileid", "gold"}}};
  interface.vlan = domain_xml::Vlan{.tags = {{.id = 7}}};
  const auto plan = links({interface})[0];
  EXPECT_EQ(veth(plan).bridge, "") << "which the kernel knows nothing of";
  EXPECT_TRUE(plan.vlans.empty());
  EXPECT_EQ(plan.ovs, (OvsPlan{"ovsbr", "", "gold", "52:54:00:01:02:03", {{7, true, true}}}));
}

TEST(PlanNetwork, HostInterfacesComeLastUnderTheirOwnName) {
  DomainDefinition definition;
  definition.interfaces = {bridged("br0")};
  definition.host_devices = {{.mode = domain_xml::HostDeviceMode::Capabilities,
                              .type = "net",
                              .path = "eth5",
                              .ips = {{.address = "192.0.2.7"}}}};
  const auto plans = plan_links(definition);
  ASSERT_EQ(plans.size(), 2U);
  EXPECT_EQ(plans[1].guest_name(), "eth5");
  EXPECT_EQ(plans[1].addresses.size(), 1U);  // N6
  EXPECT_TRUE(plans[1].guest_up);
  EXPECT_TRUE(has_private_network(definition, {.share_host_network = true}));
  definition.host_devices[0].path = "eth0";
  EXPECT_THROW(plan_links(definition), base::Error) << "the first interface is called that";
}

TEST(PlanNetwork, WhatCannotBeHadIsRefused) {
  auto scripted = bridged("br0");
  scripted.script = "/bin/true";
  EXPECT_EQ(refusal(scripted), base::Code::ConfigUnsupported);
  auto port = bridged("br0");
  port.virtual_port = domain_xml::VirtualPort{.type = "midonet"};
  EXPECT_EQ(refusal(port), base::Code::ConfigUnsupported);
  auto one = bridged("br0"), other = bridged("br0");
  one.ips = other.ips = {{.address = "192.0.2.7"}};
  EXPECT_THROW(links({one, other}), base::Error) << "an address that clashes";
}

TEST(PlanNetwork, NamesTheKernelWouldRefuse) {
  auto twice = bridged("br0");
  twice.guest_dev = "eth0";
  EXPECT_THROW(links({bridged("br0"), twice}), base::Error);
  auto longer = bridged("br0");
  longer.target_dev = "sixteen-letters-";
  EXPECT_EQ(refusal(longer), base::Code::ConfigUnsupported);
}

TEST(PlanNetwork, AHostDeviceIsAPciDevicesLink) {
  domain_xml::Interface card;
  card.source = domain_xml::InterfaceHostDevice{
      .address = domain_xml::Element{
          "address", {{"type", "pci"}, {"domain", "0x0"}, {"bus", "0x3"}, {"slot", "16"}, {"function", "0x1"}}}};
  card.mtu = 9000;
  const auto plan = links({card})[0];
  EXPECT_EQ(std::get<LentPlan>(plan.kind), (LentPlan{"", "0000:03:10.1", "eth0", card.mac.bytes, 9000}));
  EXPECT_TRUE(plan.guest_up);
  card.bandwidth = domain_xml::Bandwidth{};
  EXPECT_THROW(links({card}), base::Error);
}

}  // namespace
}  // namespace container
