// Interfaces of type bridge: a veth pair, one end in the container, the other a port of the bridge.
#include <algorithm>

#include "support/fixture.hpp"

namespace {

using namespace support;

class NetworkTest : public SystemTest {
 protected:
  /// A container whose init gives `address` to eth0 before it is ready.
  DomainXml networked(const std::string& word, Rootfs& root, const Bridge& bridge, const std::string& address,
                      const std::string& mac = "") const {
    root.set_init("ip addr add " + address + "/24 dev eth0 && ip link set eth0 up\n" + init::kObedient);
    DomainXml definition = xml(word, root);
    definition.private_network = false;
    definition.devices = bridge_interface(bridge.name(), mac);
    return definition;
  }
  static std::string host_end(virDomainPtr domain, int number = 1) {
    return xpath(dump(domain), "string(//interface[" + std::to_string(number) + "]/target/@dev)");
  }
  static bool is_port(const Bridge& bridge, const std::string& name) {
    const auto ports = bridge.ports();
    return std::find(ports.begin(), ports.end(), name) != ports.end();
  }

  Bridge bridge_;
  Rootfs root_;
};

TEST_F(NetworkTest, EndsAreWhereTheyBelong) {
  const Domain domain = create(networked("net", root_, bridge_, bridge_.address(2), "52:54:00:12:34:56"));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_TRUE(is_port(bridge_, host_end(domain))) << host_end(domain);
  const Output inside =
      enter_shell(domain, "cat /sys/class/net/eth0/address /sys/class/net/eth0/operstate; ls /sys/class/net");
  EXPECT_EQ(inside.text.substr(0, 18), "52:54:00:12:34:56\n") << inside.text;
  EXPECT_NE(inside.text.find("up\n"), std::string::npos) << inside.text;
  EXPECT_NE(inside.text.find("eth0\nlo\n"), std::string::npos) << inside.text;
}

TEST_F(NetworkTest, ContainerReachesTheBridgesAddress) {
  const Domain domain = create(networked("net", root_, bridge_, bridge_.address(2)));
  ASSERT_TRUE(root_.wait_ready());
  const Output ping = enter_shell(domain, "ping -c 1 -w 10 " + bridge_.address());
  EXPECT_EQ(ping.status, 0) << ping.text;
}

TEST_F(NetworkTest, ContainersReachEachOther) {
  Rootfs other_root;
  const Domain domain = create(networked("one", root_, bridge_, bridge_.address(2)));
  const Domain other = create(networked("two", other_root, bridge_, bridge_.address(3)));
  ASSERT_TRUE(root_.wait_ready() && other_root.wait_ready());
  const Output ping = enter_shell(domain, "ping -c 1 -w 10 " + bridge_.address(3));
  EXPECT_EQ(ping.status, 0) << ping.text;
}

TEST_F(NetworkTest, HostEndGoesWithTheContainer) {
  const Domain domain = create(networked("net", root_, bridge_, bridge_.address(2)));
  const std::string name = host_end(domain);
  ASSERT_NE(name, "");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(eventually([&] { return !exists("/sys/class/net/" + name) && bridge_.ports().empty(); })) << name;
}

TEST_F(NetworkTest, SeveralInterfacesAndChosenNames) {
  const std::string chosen = prefix() + "x0";
  DomainXml definition = xml("net", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge_.name()) +
                       bridge_interface(bridge_.name(), "", "      <guest dev='web0'/>\n") +
                       bridge_interface(bridge_.name(), "", "      <target dev='" + chosen + "'/>\n");
  const Domain domain = create(definition);
  ASSERT_TRUE(root_.wait_ready());
  const std::string inside = enter_shell(domain, "ls /sys/class/net").text;
  EXPECT_NE(inside.find("eth0\n"), std::string::npos) << inside;
  EXPECT_NE(inside.find("web0\n"), std::string::npos) << inside;
  EXPECT_EQ(host_end(domain, 3), chosen);
  EXPECT_TRUE(is_port(bridge_, chosen));
  EXPECT_EQ(bridge_.ports().size(), 3U);
}

TEST_F(NetworkTest, AChosenHostNameIsFreeAgainAtOnce) {
  DomainXml definition = xml("net", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge_.name(), "", "      <target dev='" + prefix() + "x1'/>\n");
  const Domain domain = define(definition);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(ok(virDomainCreate(domain))) << "start " << i;
    EXPECT_TRUE(is_port(bridge_, prefix() + "x1"));
    ASSERT_TRUE(ok(virDomainDestroy(domain))) << "destroy " << i;
  }
}

TEST_F(NetworkTest, TakenHostNameIsNamed) {
  const std::string taken = prefix() + "x2";
  ASSERT_EQ(shell("ip link add " + taken + " type bridge").status, 0);
  DomainXml definition = xml("net", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge_.name(), "", "      <target dev='" + taken + "'/>\n");
  const Domain domain = define(definition);
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find(taken), std::string::npos) << describe(last_failure());
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
  // Stock removes the stranger's link when it cleans up.
  EXPECT_TRUE(host().is_stock() || exists("/sys/class/net/" + taken)) << "somebody else's link was removed";
  shell("ip link del " + taken);
}

}  // namespace
