// <interface type='hostdev'>: a network card of the host, by its PCI address, is the container's while it runs and
// comes back with its own name, MAC address and MTU. Where no card can be spared, a veth end plays one: the daemon runs
// in a mount namespace where /sys/bus/pci/devices tells of it.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "support/own_daemon.hpp"
#include "support/pci_stand_in.hpp"
#include "support/wire.hpp"

namespace {

using namespace support;

constexpr const char* kMac = "52:54:00:5b:00:01";
const std::string kSource = std::string("<address type='pci' ") + PciStandIn::kAddressAttributes + "/>";

std::string hostdev_interface(const std::string& source, const std::string& more = "") {
  return "    <interface type='hostdev' managed='yes'>\n      <source>" + source + "</source>\n      <mac address='" +
         kMac + "'/>\n" + more + "    </interface>\n";
}

class HostDeviceTest : public OwnDaemonTest {
 protected:
  HostDeviceTest() : OwnDaemonTest("hd") {}
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    pci_ = std::make_unique<PciStandIn>(wire_.name());
    if (!pci_->there()) GTEST_SKIP() << "there is no /sys/bus/pci/devices to put a stand-in into";
    begin(std::make_unique<Daemon>(make_folder("hostdev"), std::vector<std::string>{}, pci_->entrance()));
  }
  DomainXml xml(const std::string& devices, const std::string& word = "") const {
    DomainXml definition;
    definition.name = own_name("hd" + word);
    definition.root = root_.path();
    definition.private_network = devices.empty();
    definition.devices = devices;
    return definition;
  }
  std::string with_address(const std::string& more = "") const {
    return hostdev_interface(kSource, "      <ip address='" + wire_.address(2) + "' prefix='24'/>\n" + more);
  }
  Domain create(const std::string& text) const {
    Domain domain(virDomainCreateXML(connection_, text.c_str(), 0));
    EXPECT_TRUE(domain) << describe(last_failure());
    return domain;
  }
  std::string refusal(const std::string& devices) const {
    EXPECT_FALSE(Domain(virDomainCreateXML(connection_, std::string(xml(devices, "-no")).c_str(), 0)));
    return last_failure().message;
  }
  void expect_back() {
    EXPECT_TRUE(eventually([&] { return mac_of(wire_.name()) == mac_; })) << mac_of(wire_.name());
    EXPECT_EQ(read_text("/sys/class/net/" + wire_.name() + "/mtu"), "1500\n");
  }

  Wire wire_;
  const std::string mac_ = mac_of(wire_.name());
  Rootfs root_;
  std::unique_ptr<PciStandIn> pci_;
};

TEST_F(HostDeviceTest, N6_IsInsideWithItsOwnSettingsAndComesBackWithoutThem) {
  const Domain domain = create(xml(with_address("      <guest dev='lan0'/>\n      <mtu size='1400'/>\n")));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_FALSE(exists("/sys/class/net/" + wire_.name()));
  EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/lan0/address /sys/class/net/lan0/mtu").text,
            std::string(kMac) + "\n1400\n");
  EXPECT_EQ(enter_shell(domain, "ping -c 1 -w 10 " + wire_.address()).status, 0);
  const std::string live = dump(domain);
  EXPECT_EQ(xpath(live, "string(//interface/@type)"), "hostdev");
  EXPECT_EQ(xpath(live, "string(//interface/source/address/@bus)"), "0x7f");
  EXPECT_EQ(xpath(live, "count(//interface/target)"), "0") << "nothing of it is on the host";
  virDomainInterfaceStatsStruct stats{};
  EXPECT_TRUE(ok(virDomainInterfaceStats(domain, kMac, &stats, sizeof stats)));
  EXPECT_GT(stats.tx_bytes, 0);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  expect_back();
}

TEST_F(HostDeviceTest, ComesBackAfterACrashOfEverybody) {
  const Domain domain = create(xml(with_address()));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_EQ(enter_shell(domain, "ip link set eth0 down; ip link set eth0 address 52:54:00:66:66:66 name mine").status,
            0);
  const pid_t supervisor = id_of(domain);
  connection_.reset();
  daemon_->kill();
  ::kill(supervisor, SIGKILL);
  daemon_->start();
  connect();
  expect_back();
}

TEST_F(HostDeviceTest, IsAttachedAndDetachedWhileItRuns) {
  const Domain domain = create(xml(""));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(virDomainAttachDevice(domain, with_address().c_str())));
  EXPECT_EQ(enter_shell(domain, "ping -c 1 -w 10 " + wire_.address()).status, 0);
  ASSERT_EQ(enter_shell(domain, "ip link set eth0 down; ip link set eth0 address 52:54:00:66:66:66 name mine").status,
            0);
  // Another daemon, for which all this is on disk only.
  crash_and_restart();
  const Domain again(virDomainLookupByName(connection_, own_name("hd").c_str()));
  ASSERT_TRUE(ok(virDomainDetachDevice(again, with_address().c_str())));
  expect_back();
  EXPECT_EQ(enter_shell(again, "ls /sys/class/net").text, "lo\n");
}

TEST_F(HostDeviceTest, WhatCannotBeHadIsNamed) {
  const Domain holder = create(xml(with_address()));
  ASSERT_TRUE(root_.wait_ready());
  const std::string in_use = refusal(hostdev_interface(kSource));
  EXPECT_NE(in_use.find("in use by domain '" + own_name("hd") + "'"), std::string::npos) << in_use;
  ASSERT_TRUE(ok(virDomainDestroy(holder)));
  expect_back();
  const std::string missing = refusal(hostdev_interface("<address type='pci' bus='0x7e' slot='1' function='0'/>"));
  EXPECT_NE(missing.find("cannot find PCI device '0000:7e:01.0'"), std::string::npos) << missing;
  const std::string usb = refusal(hostdev_interface("<address type='usb' bus='1' port='2'/>"));
  EXPECT_NE(usb.find("address of type 'usb'"), std::string::npos) << usb;
  const std::string tagged = refusal(hostdev_interface(kSource, "      <vlan><tag id='7'/></vlan>\n"));
  EXPECT_NE(tagged.find("vlan"), std::string::npos) << tagged;
}

// In the test machines: LXCELL_TEST_PCI_NIC names a card that nobody else uses, such as "0000:00:09.0".
TEST_F(HostDeviceTest, ARealCardGoesAndComesBack) {
  const char* const address = std::getenv("LXCELL_TEST_PCI_NIC");
  if (!address) GTEST_SKIP() << "there is no network card to spare";
  daemon_->stop();
  begin(std::make_unique<Daemon>(make_folder("realcard")));
  unsigned domain_number = 0, bus = 0, slot = 0, function = 0;
  ASSERT_EQ(std::sscanf(address, "%x:%x:%x.%x", &domain_number, &bus, &slot, &function), 4);
  char source[128];
  std::snprintf(source, sizeof source, "<address type='pci' domain='0x%x' bus='0x%x' slot='0x%x' function='0x%x'/>",
                domain_number, bus, slot, function);
  const auto link = [&] {
    return shell(std::string("ls -d /sys/bus/pci/devices/") + address + "/net/* /sys/bus/pci/devices/" + address +
                 "/virtio*/net/* 2>/dev/null | sed 's,.*/,,'")
        .text;
  };
  std::string before = link();
  ASSERT_FALSE(before.empty()) << "no driver has made a network device of " << address;
  before.pop_back();
  const std::string mac_before = mac_of(before);
  const Domain domain = create(xml(hostdev_interface(source)));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(link(), "");
  EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/eth0/address").text, std::string(kMac) + "\n");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(eventually([&] { return mac_of(before) == mac_before; })) << mac_of(before);
}

}  // namespace
