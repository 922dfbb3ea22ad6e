#include "container/given_devices.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "container/loop_disk.hpp"

namespace container {
namespace {

using domain_xml::Disk;
using domain_xml::DomainDefinition;
using domain_xml::HostDevice;
using domain_xml::HostDeviceMode;
using testing::HasSubstr;

DomainDefinition with_disk(Disk disk) {
  DomainDefinition definition;
  definition.disks = {std::move(disk)};
  return definition;
}

DomainDefinition with_device(HostDevice device) {
  DomainDefinition definition;
  definition.host_devices = {std::move(device)};
  return definition;
}

HostDevice capability(const std::string& type, const std::string& path) {
  return {.mode = HostDeviceMode::Capabilities, .type = type, .path = path};
}

std::string refusal(const DomainDefinition& definition) {
  try {
    given_devices(definition);
    return "";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::ConfigUnsupported);
    return error.detail();
  }
}

TEST(GivenDevices, ADiskIsANodeOfItsTargetsName) {
  const auto devices = given_devices(with_disk({.type = "block", .source = "/dev/sdb1", .target = "vda"}));
  ASSERT_EQ(devices.size(), 1U);
  const DeviceFactsBySource facts = {{"/dev/sdb1", {.type = 'b', .major = 8, .minor = 17, .path = "/dev/sdb1"}}};
  EXPECT_EQ(plan_node(devices[0], facts),
            (DeviceNode{.path = "vda", .type = 'b', .major = 8, .minor = 17, .mode = 0700}));
  EXPECT_THAT(given_device_rules(devices, facts), testing::ElementsAre(cgroup::DeviceRule{'b', 8, 17, "rwm"}));
}

TEST(GivenDevices, AReadOnlyDiskMayNotBeWritten) {
  const auto devices =
      given_devices(with_disk({.type = "block", .source = "/dev/sdb", .target = "vda", .readonly = true}));
  EXPECT_THAT(given_device_rules(devices, {{"/dev/sdb", {.type = 'b', .major = 8, .minor = 16}}}),
              testing::ElementsAre(cgroup::DeviceRule{'b', 8, 16, "rm"}));
}

TEST(GivenDevices, AFileIsTheLoopDeviceWithItsMark) {
  const auto definition = with_disk({.type = "file", .source = "/srv/image", .driver_format = "raw", .target = "vda"});
  const auto devices = given_devices(definition);
  const std::string mark = loop_mark(base::format_uuid(definition.uuid), "vda");
  EXPECT_EQ(devices[0].kind, GivenDevice::Kind::Loop);
  EXPECT_EQ(devices[0].source, mark);
  EXPECT_EQ(devices[0].file, "/srv/image");
  EXPECT_EQ(plan_node(devices[0], {{mark, {.type = 'b', .major = 7, .minor = 3, .path = "/dev/loop3"}}}).path, "vda");
}

TEST(GivenDevices, HostDevicesKeepTheirPath) {
  const auto tun = given_devices(with_device(capability("misc", "/dev/net/tun")));
  EXPECT_EQ(plan_node(tun[0], {{"/dev/net/tun", {.type = 'c', .major = 10, .minor = 200}}}).path, "net/tun");
  HostDevice usb{.type = "usb", .usb_product = domain_xml::UsbProduct{0x46d, 0xc52b}};
  const auto product = given_devices(with_device(usb));
  EXPECT_EQ(product[0].source, "046d:c52b");
  EXPECT_EQ(
      plan_node(product[0], {{"046d:c52b", {.type = 'c', .major = 189, .minor = 4, .path = "/dev/bus/usb/001/005"}}})
          .path,
      "bus/usb/001/005");
  usb.usb_address = domain_xml::UsbAddress{2, 7};
  EXPECT_EQ(given_devices(with_device(usb))[0].source, "/dev/bus/usb/002/007");
}

TEST(GivenDevices, TheWrongTypeAndWhatIsMissingAreNamed) {
  const auto storage = given_devices(with_device(capability("storage", "/dev/net/tun")));
  const auto message = [&](const DeviceFactsBySource& facts) {
    try {
      plan_node(storage[0], facts);
      return std::string();
    } catch (const base::Error& error) {
      return error.message();
    }
  };
  EXPECT_THAT(message({{"/dev/net/tun", {.type = 'c', .major = 10, .minor = 200}}}), HasSubstr("is no block device"));
  EXPECT_THAT(message({{"/dev/net/tun", {.error = ENOENT}}}), HasSubstr("cannot reach '/dev/net/tun'"));
  EXPECT_TRUE(given_device_rules(storage, {{"/dev/net/tun", {.error = ENOENT}}}).empty());
}

TEST(GivenDevices, WhatCannotBeGivenIsRefused) {
  EXPECT_THAT(refusal(with_disk({.type = "network", .source = "x", .target = "vda"})), HasSubstr("'network'"));
  EXPECT_THAT(refusal(with_disk({.type = "file", .target = "vda"})), HasSubstr("no source"));
  EXPECT_THAT(refusal(with_disk({.type = "file", .source = "x", .driver_format = "qcow2", .target = "vda"})),
              HasSubstr("'qcow2'"));
  EXPECT_THAT(refusal(with_disk({.type = "file", .source = "x", .driver_name = "nbd", .target = "vda"})),
              HasSubstr("'nbd'"));
  EXPECT_THAT(refusal(with_disk({.type = "block", .source = "/dev/sdb", .target = "../etc"})), HasSubstr("'../etc'"));
  EXPECT_THAT(refusal(with_disk({.type = "file", .source = "x", .target = std::string(40, 'v')})),
              HasSubstr("too long"));
  EXPECT_THAT(refusal(with_device(capability("misc", "/srv/node"))), HasSubstr("not below /dev"));
  EXPECT_THAT(refusal(with_device(capability("misc", "/dev/../etc/x"))), HasSubstr("no name below /dev"));
  EXPECT_THAT(refusal(with_device({.type = "pci"})), HasSubstr("'pci'"));
}

TEST(GivenDevices, NetworkDevicesAreLinks) {
  EXPECT_TRUE(given_devices(with_device(capability("net", "eth0"))).empty());
}

}  // namespace
}  // namespace container
