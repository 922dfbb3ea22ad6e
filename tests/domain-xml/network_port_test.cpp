// Ports on libvirt's networks and filter bindings: what is asked for, and what the answer makes of an interface.
#include "domain-xml/network_port.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "domain-xml/filter_binding.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"

namespace domain_xml {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kId = "7796f941-6e51-4ce6-ac41-75767f2214ca";

DomainDefinition domain(const std::string& more = "") {
  auto definition = parse_domain(
      "<domain type='lxc'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><memory>65536</memory>"
      "<os><type>exe</type><init>/sbin/init</init></os><devices><interface type='network'>"
      "<mac address='52:54:00:aa:00:01'/><source network='default' portgroup='p'/>" +
      more + "</interface></devices></domain>");
  std::get<InterfaceNetwork>(definition.interfaces.front().source).port_id = kId;
  return definition;
}

std::string port(const std::string& content) {
  return "<networkport><owner><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid></owner>" + content + "</networkport>";
}

/// The running definition in one of its views.
std::string shown(DomainDefinition definition, const std::string& answer, View view) {
  for (auto& interface : definition.interfaces) interface = resolve_interface(interface, port(answer));
  return format_domain(definition, view);
}

TEST(NetworkPort, IsAskedForWithOwnerGroupAndTheInterfacesOwnSettings) {
  const auto definition = domain("<bandwidth><inbound average='500'/></bandwidth><vlan><tag id='5'/></vlan>");
  EXPECT_EQ(format_network_port(definition, definition.interfaces.front()),
            "<networkport>\n"
            "  <uuid>7796f941-6e51-4ce6-ac41-75767f2214ca</uuid>\n"
            "  <owner>\n"
            "    <name>web</name>\n"
            "    <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n"
            "  </owner>\n"
            "  <group>p</group>\n"
            "  <mac address='52:54:00:aa:00:01'/>\n"
            "  <vlan>\n"
            "    <tag id='5'/>\n"
            "  </vlan>\n"
            "  <bandwidth>\n"
            "    <inbound average='500'/>\n"
            "  </bandwidth>\n"
            "</networkport>\n");
}

TEST(NetworkPort, ANetworksOwnBridgeIsShownAsTheNetwork) {
  const std::string live = shown(domain(), "<plug type='network' bridge='virbr0'/>", View::Live);
  EXPECT_THAT(live, HasSubstr("<interface type='network'>"));
  EXPECT_THAT(live,
              HasSubstr("<source network='default' portgroup='p' portid='" + std::string(kId) + "' bridge='virbr0'/>"));
}

TEST(NetworkPort, AnotherBridgeAndADeviceAreShownAsWhatTheyAre) {
  EXPECT_THAT(shown(domain(), "<plug type='bridge' bridge='br0'/>", View::Live),
              HasSubstr("<interface type='bridge'>"));
  const std::string direct = shown(domain(), "<plug type='direct' dev='eth1' mode='private'/>", View::Live);
  EXPECT_THAT(direct, HasSubstr("<interface type='direct'>"));
  EXPECT_THAT(direct, HasSubstr("dev='eth1' mode='private'/>"));
}

TEST(NetworkPort, APciDeviceIsTheNetworksForThisRun) {
  const std::string answer =
      "<plug type='hostdev-pci' managed='yes'><driver name='vfio'/>"
      "<address domain='0x0000' bus='0x03' slot='0x10' function='0x1'/></plug>";
  const std::string live = shown(domain(), answer, View::Live), status = shown(domain(), answer, View::Status);
  EXPECT_THAT(live, HasSubstr("<interface type='hostdev'>"));
  EXPECT_THAT(live, HasSubstr("<address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/>"));
  EXPECT_THAT(shown(domain(), answer, View::Inactive), HasSubstr("<source network='default' portgroup='p'/>"));
  const auto again = parse_status_domain(status);
  EXPECT_EQ(std::get<InterfaceHostDevice>(again.interfaces.front().source).port_id, kId);
}

TEST(NetworkPort, WhatTheNetworkAddsIsNotOfTheNextBoot) {
  const std::string answer =
      "<bandwidth><inbound average='1000' peak='2000' burst='64'/></bandwidth><port isolated='yes'/>"
      "<plug type='network' bridge='virbr0'/>";
  const std::string live = shown(domain(), answer, View::Live), boot = shown(domain(), answer, View::Inactive);
  EXPECT_THAT(live, HasSubstr("average='1000'"));
  EXPECT_THAT(live, HasSubstr("<port isolated='yes'/>"));
  EXPECT_THAT(live, Not(HasSubstr("configured")));
  EXPECT_EQ(boot, format_domain(domain(), View::Inactive));
}

TEST(NetworkPort, AStateFileKeepsBothForms) {
  for (const char* plug : {"<plug type='network' bridge='virbr0'/>", "<plug type='bridge' bridge='br0'/>",
                           "<plug type='direct' dev='eth1' mode='bridge'/>"}) {
    DomainDefinition definition = domain("<bandwidth><outbound average='10'/></bandwidth><mtu size='1300'/>");
    Interface& interface = definition.interfaces.front();
    interface = resolve_interface(interface, port("<vlan><tag id='5'/></vlan>" + std::string(plug)));
    interface.mtu = 1400;
    const auto read = parse_status_domain(format_domain(definition, View::Status));
    EXPECT_EQ(read.interfaces, definition.interfaces) << plug;
  }
}

TEST(NetworkPort, ARequestedButUnmadePortIsInTheStateFileToo) {
  const auto read = parse_status_domain(format_domain(domain(), View::Status));
  EXPECT_EQ(std::get<InterfaceNetwork>(read.interfaces.front().source).port_id, kId);
}

TEST(NetworkPort, OneThatLeadsNowhereIsRefused) {
  const auto code_of = [](const std::string& answer) {
    try {
      shown(domain(), answer, View::Live);
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::Code::Ok;
  };
  EXPECT_EQ(code_of("<plug type='hostdev-pci' managed='yes'><driver name='vfio'/></plug>"), base::Code::InternalError);
  EXPECT_EQ(code_of(""), base::Code::InternalError);
  EXPECT_EQ(code_of("<plug type='bridge'/>"), base::Code::InternalError);
}

TEST(NetworkPort, NamesItsOwner) {
  EXPECT_EQ(owner_of(port("")), base::parse_uuid("4dea22b3-1d52-d8f3-2516-782e98ab3fa0"));
  EXPECT_EQ(owner_of("<filterbinding/>"), std::nullopt);
}

TEST(FilterBinding, TellsTheEndOnTheHostAndTheParameters) {
  const auto definition =
      domain("<filterref filter='clean-traffic'><parameter name='IP' value='10.0.0.2'/></filterref>");
  EXPECT_EQ(format_filter_binding(definition, definition.interfaces.front(), "vnet3"),
            "<filterbinding>\n"
            "  <owner>\n"
            "    <name>web</name>\n"
            "    <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n"
            "  </owner>\n"
            "  <portdev name='vnet3'/>\n"
            "  <mac address='52:54:00:aa:00:01'/>\n"
            "  <filterref filter='clean-traffic'>\n"
            "    <parameter name='IP' value='10.0.0.2'/>\n"
            "  </filterref>\n"
            "</filterbinding>\n");
}

}  // namespace
}  // namespace domain_xml
