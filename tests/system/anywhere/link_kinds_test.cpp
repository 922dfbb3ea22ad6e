// Interfaces of all kinds but a plain bridge's: what they are inside, what they have on the host, and that nothing is
// left of those that fail.
#include <algorithm>

#include "support/fixture.hpp"
#include "support/wire.hpp"

namespace {

using namespace support;

std::string direct_interface(const Wire& wire, const std::string& mode, const std::string& more = "") {
  return "    <interface type='direct'>\n      <source dev='" + wire.name() + "' mode='" + mode + "'/>\n" + more +
         "    </interface>\n";
}

std::string ip_element(const std::string& address) {
  return "      <ip address='" + address + "' prefix='24'/>\n";
}

class LinkKindsTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("these are ours to promise"); }

  DomainXml with(const std::string& word, const Rootfs& root, const std::string& devices) const {
    DomainXml definition = xml(word, root);
    definition.private_network = false;
    definition.devices = devices;
    return definition;
  }
  DomainXml with(const std::string& devices) const { return with("links", root_, devices); }
  /// The start fails, with words that have `expected` in them.
  void refused(const std::string& devices, const std::string& expected) {
    const Domain domain = define(with(devices));
    EXPECT_EQ(virDomainCreate(domain), -1);
    EXPECT_NE(last_failure().message.find(expected), std::string::npos) << describe(last_failure());
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
    EXPECT_TRUE(bridge_.ports().empty()) << bridge_.ports().front();
  }
  static bool pings(virDomainPtr domain, const std::string& address) {
    return enter_shell(domain, "ping -c 1 -w 10 " + address).status == 0;
  }

  Bridge bridge_;
  Wire wire_;
  Rootfs root_;
};

TEST_F(LinkKindsTest, DirectReachesWhatIsBehindItsParent) {
  for (const std::string mode : {"bridge", "vepa", "private", "passthrough"}) {
    const std::string mac_before = mac_of(wire_.name());
    const Domain domain = create(with(direct_interface(
        wire_, mode,
        "      <mac address='52:54:00:aa:bb:01'/>\n      <mtu size='1400'/>\n" + ip_element(wire_.address(2)))));
    ASSERT_TRUE(root_.wait_ready());
    EXPECT_TRUE(pings(domain, wire_.address())) << mode;
    const std::string inside = enter_shell(domain, "cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu").text;
    EXPECT_EQ(inside, "52:54:00:aa:bb:01\n1400\n") << mode;
    EXPECT_EQ(xpath(dump(domain), "count(//interface/target)"), "0") << "nothing of it is on the host";
    EXPECT_EQ(xpath(dump(domain), "string(//interface/guest/@actual)"), "eth0");
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_TRUE(eventually([&] { return mac_of(wire_.name()) == mac_before; })) << mode;
  }
}

TEST_F(LinkKindsTest, DirectInModeBridgeReachesItsSiblings) {
  Rootfs other_root;
  const Domain one = create(with("one", root_, direct_interface(wire_, "bridge", ip_element(wire_.address(2)))));
  const Domain two = create(with("two", other_root, direct_interface(wire_, "bridge", ip_element(wire_.address(3)))));
  ASSERT_TRUE(root_.wait_ready() && other_root.wait_ready());
  EXPECT_TRUE(pings(one, wire_.address(3)));
}

TEST_F(LinkKindsTest, DirectOnAParentThatVanishedIsNamed) {
  refused("    <interface type='direct'><source dev='lxt-gone' mode='bridge'/></interface>\n", "'lxt-gone'");
}

TEST_F(LinkKindsTest, L1_NothingIsLeftOfADirectInterfaceWhenALaterOneFails) {
  const std::string taken = prefix() + "x3";
  ASSERT_EQ(shell("ip link add " + taken + " type bridge").status, 0);
  refused(direct_interface(wire_, "bridge") + bridge_interface(bridge_.name()) +
              bridge_interface(bridge_.name(), "", "      <target dev='" + taken + "'/>\n"),
          taken);
  shell("ip link del " + taken);
  // Passthrough has a parent for itself: it fails as long as anything else is on it.
  const Domain domain = define(with("after", root_, direct_interface(wire_, "passthrough")));
  EXPECT_TRUE(eventually([&] { return virDomainCreate(domain) == 0; }));
}

TEST_F(LinkKindsTest, N7_DirectHasItsBandwidthInside) {
  const Domain domain = create(with(direct_interface(
      wire_, "bridge", "      <bandwidth><inbound average='1000'/><outbound average='2000'/></bandwidth>\n")));
  ASSERT_TRUE(root_.wait_ready());
  const std::string pid = std::to_string(init_pid(domain));
  const Output queues =
      shell("nsenter -t " + pid + " -n tc qdisc show dev eth0; nsenter -t " + pid + " -n tc class show dev eth0");
  EXPECT_NE(queues.text.find("rate 16Mbit"), std::string::npos) << queues.text;
  EXPECT_NE(queues.text.find("qdisc ingress"), std::string::npos) << queues.text;
}

TEST_F(LinkKindsTest, EthernetHasItsAddressesOnBothEnds) {
  const std::string device = prefix() + "e0";
  const Domain domain = create(with(
      "    <interface type='ethernet'>\n      <source>\n        <ip address='10.215.7.1' prefix='30'/>\n"
      "        <route address='10.215.8.0' prefix='24' gateway='10.215.7.2'/>\n      </source>\n      <target dev='" +
      device + "'/>\n      <ip address='10.215.7.2' prefix='30'/>\n    </interface>\n"));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_TRUE(pings(domain, "10.215.7.1"));
  EXPECT_NE(shell("ip route show dev " + device).text.find("10.215.8.0/24 via 10.215.7.2"), std::string::npos);
}

TEST_F(LinkKindsTest, IsolatedPortsDoNotReachEachOther) {
  const std::string isolated = "      <port isolated='yes'/>\n";
  Rootfs other_root;
  const Domain one =
      create(with("one", root_, bridge_interface(bridge_.name(), "", ip_element(bridge_.address(2)) + isolated)));
  const Domain two =
      create(with("two", other_root, bridge_interface(bridge_.name(), "", ip_element(bridge_.address(3)) + isolated)));
  ASSERT_TRUE(root_.wait_ready() && other_root.wait_ready());
  EXPECT_TRUE(pings(one, bridge_.address()));
  EXPECT_NE(enter_shell(one, "ping -c 1 -w 1 " + bridge_.address(3)).status, 0);
}

TEST_F(LinkKindsTest, N6_MtuHoldsOnBothEndsAndALinkMayBeDown) {
  const Domain domain =
      create(with(bridge_interface(bridge_.name(), "", "      <link state='down'/>\n      <mtu size='1300'/>\n")));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_EQ(bridge_.ports().size(), 1U);
  const std::string folder = "/sys/class/net/" + bridge_.ports().front();
  EXPECT_EQ(read_text(folder + "/mtu"), "1300\n");
  EXPECT_EQ(read_text(folder + "/operstate"), "down\n");
  EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/eth0/mtu").text, "1300\n");
}

TEST_F(LinkKindsTest, N12_AnAddressWithoutPrefixIsOfASmallSubnet) {
  const Domain domain = create(with(bridge_interface(bridge_.name(), "", "      <ip address='10.9.8.7'/>\n")));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_NE(enter_shell(domain, "ip addr show eth0").text.find("10.9.8.7/24"), std::string::npos);
}

TEST_F(LinkKindsTest, VlanTagsNeedABridgeThatFilters) {
  refused(bridge_interface(bridge_.name(), "", "      <vlan><tag id='7'/></vlan>\n"), "vlan_filtering");
}

TEST_F(LinkKindsTest, OpenvswitchIsRefusedWhereThereIsNone) {
  if (exists("/run/openvswitch/db.sock")) GTEST_SKIP() << "it runs on this host";
  refused(bridge_interface("ovsbr", "", "      <virtualport type='openvswitch'/>\n"), "needs Open vSwitch");
}

TEST_F(LinkKindsTest, AnAddressGivenTwiceIsRefused) {
  refused(bridge_interface(bridge_.name(), "", ip_element(bridge_.address(2))) +
              bridge_interface(bridge_.name(), "", ip_element(bridge_.address(2))),
          "'" + bridge_.address(2) + "'");
}

TEST_F(LinkKindsTest, AnAddressOfTheBridgeOrOfAnotherContainerIsRefused) {
  refused(bridge_interface(bridge_.name(), "", ip_element(bridge_.address())),
          "'" + bridge_.address() + "' is that of bridge '" + bridge_.name() + "'");
  const Rootfs other_root;
  const std::string device = bridge_interface(bridge_.name(), "", ip_element(bridge_.address(2)));
  const Domain other = create(with("other", other_root, device));
  const Domain domain = define(with("second", root_, device));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, virDomainCreate(domain)));
  EXPECT_NE(last_failure().message.find("that of domain '" + own_name("other") + "'"), std::string::npos)
      << describe(last_failure());
  EXPECT_EQ(bridge_.ports().size(), 1U);
  ASSERT_TRUE(ok(virDomainDestroy(other)));
  EXPECT_TRUE(ok(virDomainCreate(domain))) << "it is free again";
}

TEST_F(LinkKindsTest, AContainerHasSixtyFourInterfaces) {
  std::string devices;
  for (int i = 0; i < 63; ++i) devices += bridge_interface(bridge_.name());
  devices += direct_interface(wire_, "bridge");
  const Domain domain = create(with(devices));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(bridge_.ports().size(), 63U);
  EXPECT_NE(enter_shell(domain, "ls /sys/class/net").text.find("eth63\n"), std::string::npos);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(eventually([&] { return bridge_.ports().empty(); }));
}

}  // namespace
