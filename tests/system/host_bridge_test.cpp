// Interfaces on what not every host has: bridges that filter VLANs, and Open vSwitch.
#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr const char* kOpenvswitch = "/run/openvswitch/db.sock";
const std::string kPort = "<virtualport type='openvswitch'/>";

class HostBridgeTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("no live changes (N1, N5)"); }
  Domain bare() {
    Domain domain = define_and_start(xml("links", root_));
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  DomainXml with(const std::string& devices) const {
    DomainXml definition = xml("links", root_);
    definition.private_network = false;
    definition.devices = devices;
    return definition;
  }
  static std::string on(const std::string& bridge, const std::string& more = "") {
    return bridge_interface(bridge, kMac, more);
  }
  static int attach(virDomainPtr domain, const std::string& interface) {
    return virDomainAttachDeviceFlags(domain, interface.c_str(), VIR_DOMAIN_AFFECT_LIVE);
  }
  static int update(virDomainPtr domain, const std::string& interface) {
    return virDomainUpdateDeviceFlags(domain, interface.c_str(), VIR_DOMAIN_AFFECT_LIVE);
  }
  static std::string host_end(virDomainPtr domain) { return xpath(dump(domain), "string(//interface/target/@dev)"); }

  static constexpr const char* kMac = "52:54:00:78:00:01";
  Bridge bridge_;
  Rootfs root_;
};

TEST_F(HostBridgeTest, N5VlansOfABridgesPortChangeLive) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, on(bridge_.name()))));
  const auto tagged = [&](const std::string& tags) {
    return update(domain, on(bridge_.name(), tags.empty() ? "" : "<vlan>" + tags + "</vlan>"));
  };
  EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, tagged("<tag id='7'/>"))) << "the bridge does not filter";
  if (shell("ip link set " + bridge_.name() + " type bridge vlan_filtering 1").status != 0)
    GTEST_SKIP() << "this kernel's bridges know no VLANs";
  const auto vlans = [&] { return shell("bridge vlan show dev " + host_end(domain)).text; };
  ASSERT_TRUE(ok(tagged("<tag id='7'/>")));
  EXPECT_NE(vlans().find("7 PVID Egress Untagged"), std::string::npos) << vlans();
  ASSERT_TRUE(ok(tagged("<tag id='8'/>")));
  EXPECT_NE(vlans().find("8 PVID Egress Untagged"), std::string::npos) << vlans();
  EXPECT_EQ(vlans().find("7 PVID"), std::string::npos) << vlans();
  ASSERT_TRUE(ok(tagged("")));
  EXPECT_NE(vlans().find("1 PVID Egress Untagged"), std::string::npos) << vlans();
  EXPECT_EQ(vlans().find("8 PVID"), std::string::npos) << vlans();
}

TEST_F(HostBridgeTest, N5AnInterfaceMovesBetweenOpenvswitchAndAPlainBridge) {
  if (!exists(kOpenvswitch)) GTEST_SKIP() << "needs Open vSwitch running on this host";
  const std::string one = prefix() + "o", two = prefix() + "p", port_of = "ovs-vsctl list-ports ";
  for (const auto& bridge : {one, two})
    ASSERT_EQ(shell("ovs-vsctl add-br " + bridge + " -- set bridge " + bridge + " datapath_type=netdev").status, 0);
  {
    const Domain domain = bare();
    ASSERT_TRUE(ok(attach(domain, on(one, kPort))));
    const std::string name = host_end(domain);
    EXPECT_NE(shell("ovs-vsctl get Interface " + name + " external_ids:vm-id").text.find(uuid_of(domain)),
              std::string::npos);
    ASSERT_TRUE(ok(update(domain, on(two, kPort))));
    EXPECT_EQ(shell(port_of + one).text, "");
    EXPECT_EQ(shell(port_of + two).text, name + "\n");
    ASSERT_TRUE(ok(update(domain, on(two, kPort + "<vlan><tag id='9'/></vlan>"))));
    EXPECT_EQ(shell("ovs-vsctl get Port " + name + " tag").text, "9\n");
    ASSERT_TRUE(ok(update(domain, on(bridge_.name()))));
    EXPECT_EQ(shell(port_of + two).text, "");
    EXPECT_EQ(bridge_.ports(), std::vector<std::string>{name});
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
  }
  for (const auto& bridge : {one, two}) shell("ovs-vsctl del-br " + bridge);
}

TEST_F(HostBridgeTest, OpenvswitchPortsComeAndGo) {
  if (!exists(kOpenvswitch)) GTEST_SKIP() << "needs Open vSwitch running on this host";
  const std::string bridge = prefix() + "o";
  const Output made =
      shell("ovs-vsctl add-br " + bridge + " -- set bridge " + bridge +
            " datapath_type=netdev && ip addr add 10.217.3.1/24 dev " + bridge + " && ip link set " + bridge + " up");
  ASSERT_EQ(made.status, 0) << made.text;
  {
    const Domain domain = create(with(on(bridge, kPort + "<ip address='10.217.3.2' prefix='24'/>")));
    ASSERT_TRUE(root_.wait_ready());
    EXPECT_EQ(shell("ovs-vsctl list-ports " + bridge).text, host_end(domain) + "\n");
    EXPECT_EQ(enter_shell(domain, "ping -c 1 -w 10 10.217.3.1").status, 0);
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_EQ(shell("ovs-vsctl list-ports " + bridge).text, "");
  }
  const Domain failing = define(with(bridge_interface(bridge, "", kPort) + bridge_interface("no-ovs-br", "", kPort)));
  EXPECT_EQ(virDomainCreate(failing), -1);
  EXPECT_NE(last_failure().message.find("'no-ovs-br'"), std::string::npos) << describe(last_failure());
  EXPECT_EQ(shell("ovs-vsctl list-ports " + bridge).text, "") << "L1";
  shell("ovs-vsctl del-br " + bridge);
}

}  // namespace
