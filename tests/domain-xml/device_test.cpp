// Devices outside a definition: read as inside one.
#include "domain-xml/device.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

namespace domain_xml {
namespace {

using base::Code;
using base::From;

const char* const kInterface =
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><guest dev='web0'/>"
    "<ip address='10.0.0.2' prefix='24'/><link state='down'/><mtu size='1400'/></interface>";

TEST(Device, EveryKindIsReadAsInADefinition) {
  const std::string xml[] = {
      "<disk type='block'><source dev='/dev/vda'/><target dev='sda'/></disk>",
      "<filesystem type='bind'><source dir='/srv'/><target dir='/data'/></filesystem>",
      kInterface,
      "<hostdev mode='capabilities' type='misc'><source><char>/dev/fuse</char></source></hostdev>",
  };
  const DomainDefinition whole = define(document({.devices = xml[0] + xml[1] + xml[2] + xml[3]}));
  Device devices[] = {parse_device(xml[0]), parse_device(xml[1]), parse_device(xml[2]), parse_device(xml[3])};
  for (Device& device : devices) apply_defaults(device, kHost);
  EXPECT_EQ(devices[0], Device(whole.disks.at(0)));
  EXPECT_EQ(devices[1], Device(whole.filesystems.at(0)));
  EXPECT_EQ(devices[2], Device(whole.interfaces.at(0)));
  EXPECT_EQ(devices[3], Device(whole.host_devices.at(0)));
  EXPECT_EQ(parse_device("<console type='pty'/>"), Device(define(document({.devices = "<console/>"})).consoles.at(0)));
}

TEST(Device, WhatContainersCannotHaveIsOnlyNamed) {
  for (const char* kind : {"sound", "graphics", "input", "memory", "redirdev", "channel", "rng"})
    EXPECT_EQ(device_kind(parse_device(std::string("<") + kind + "/>")), kind);
}

TEST(Device, RefusalsHaveLibvirtsCodes) {
  const auto refused = [](const char* xml, Code code, const char* names) {
    const auto error = error_of([&] { parse_device(xml); });
    ASSERT_TRUE(error) << xml;
    EXPECT_EQ(error->code(), code) << xml;
    EXPECT_EQ(error->from(), From::Domain) << xml;
    EXPECT_NE(error->message().find(names), std::string::npos) << error->message();
  };
  refused("", Code::XmlDetail, "(device_definition):1");
  refused("<interface", Code::XmlDetail, "(device_definition):1");
  refused("<foo/>", Code::ConfigUnsupported, "'foo'");
  refused("<emulator>/x</emulator>", Code::ConfigUnsupported, "'emulator'");
  refused("<domain/>", Code::ConfigUnsupported, "'domain'");
  refused("<interface type='bridge'><source bridge='b'/><mac address='zz'/></interface>", Code::XmlError, "zz");
  refused("<interface type='bridge'/>", Code::XmlError, "source");
}

TEST(Device, OnlyDefaultsMakeUpAMacAddress) {
  Device device = parse_device("<interface type='bridge'><source bridge='br0'/></interface>");
  EXPECT_EQ(std::get<Interface>(device).mac, MacAddress{});
  apply_defaults(device, kHost);
  EXPECT_NE(std::get<Interface>(device).mac, MacAddress{});
  const Device once = device;
  apply_defaults(device, kHost);
  EXPECT_EQ(device, once);
}

TEST(Device, IsCheckedAlone) {
  const auto floor = parse_device(
      "<interface type='bridge'><source bridge='br0'/><bandwidth><inbound average='9' floor='5'/></bandwidth>"
      "</interface>");
  const auto error = error_of([&] { require_valid(floor); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::ConfigUnsupported);
  EXPECT_FALSE(error_of([&] { require_valid(parse_device(kInterface)); }));
}

TEST(Device, AliasesAreReadWhoeverMadeThemUp) {
  const std::string head = "<interface type='bridge'><source bridge='br0'/>";
  EXPECT_EQ(alias_of(parse_device(head + "<alias name='net3'/></interface>")), "net3");
  EXPECT_EQ(alias_of(parse_device(head + "<alias name='ua-lan'/></interface>")), "ua-lan");
  EXPECT_EQ(alias_of(parse_device(head + "</interface>")), "");
}

TEST(Device, AnInterfacesAliasIsShownWhileItRuns) {
  DomainDefinition definition = define(document({.devices = kInterface}));
  definition.interfaces[0].alias = "net0";
  const std::string alias = "<alias name='net0'/>";
  EXPECT_NE(format_domain(definition, View::Live, 1).find(alias), std::string::npos);
  EXPECT_EQ(format_domain(definition, View::Inactive).find(alias), std::string::npos);
  const auto status = format_domain(definition, View::Status, 1);
  EXPECT_EQ(parse_status_domain(status).interfaces.at(0).alias, "net0");
  EXPECT_EQ(parse_domain(status).interfaces.at(0).alias, "");
}

}  // namespace
}  // namespace domain_xml
