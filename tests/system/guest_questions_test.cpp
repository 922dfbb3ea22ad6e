// What is asked from outside about a running container's network and name.
#include "support/fixture.hpp"

namespace {

using namespace support;

class GuestQuestionsTest : public SystemTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("nothing is asked inside the container");
    DomainXml definition = xml("box", root_);
    definition.private_network = false;
    definition.devices = bridge_interface(bridge_.name(), "52:54:00:77:00:01",
                                          "<guest dev='lan0'/><ip address='" + bridge_.address(7) +
                                              "' prefix='24'/><ip address='2001:db8::7' prefix='64'/>");
    domain_ = define_and_start(definition);
    ASSERT_TRUE(root_.wait_ready());
  }
  std::string addresses(unsigned source) const {
    virDomainInterfacePtr* interfaces = nullptr;
    const int count = virDomainInterfaceAddresses(domain_, &interfaces, source, 0);
    EXPECT_TRUE(ok(count));
    std::string text;
    for (int i = 0; i < count; ++i) {
      const auto& one = *interfaces[i];
      text += std::string(one.name) + " " + (one.hwaddr ? one.hwaddr : "-") + "\n";
      for (unsigned k = 0; k < one.naddrs; ++k)
        text += std::string("  ") + one.addrs[k].addr + "/" + std::to_string(one.addrs[k].prefix) + "\n";
      virDomainInterfaceFree(interfaces[i]);
    }
    free(interfaces);
    return text;
  }
  std::string hostname(unsigned flags) const {
    char* const name = virDomainGetHostname(domain_, flags);
    EXPECT_TRUE(ok(name));
    const std::string copy = name ? name : "";
    free(name);
    return copy;
  }
  static bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

  Bridge bridge_;
  Rootfs root_;
  Domain domain_;
};

TEST_F(GuestQuestionsTest, AddressesAreAskedForInside) {
  const std::string text = addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT);
  EXPECT_TRUE(contains(text, "lo -\n  127.0.0.1/8\n")) << text;
  EXPECT_TRUE(contains(text, "lan0 52:54:00:77:00:01\n  " + bridge_.address(7) + "/24\n")) << text;
  EXPECT_TRUE(contains(text, "  2001:db8::7/64\n")) << text;
  enter_shell(domain_, "ip addr add 10.66.0.1/16 dev lan0");
  EXPECT_TRUE(contains(addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT), "  10.66.0.1/16\n"));
}

TEST_F(GuestQuestionsTest, TheHostKnowsWhomItHasHeardOf) {
  ASSERT_EQ(enter_shell(domain_, "ping -c 1 -w 10 " + bridge_.address()).status, 0);
  const std::string text = addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP);
  EXPECT_TRUE(contains(text, " 52:54:00:77:00:01\n")) << text;
  EXPECT_TRUE(contains(text, "  " + bridge_.address(7) + "/32\n")) << text;
}

TEST_F(GuestQuestionsTest, ABridgeOfTheHostsOwnHasNoLeases) {
  EXPECT_EQ(addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE), "");
}

TEST_F(GuestQuestionsTest, HostnameIsTheContainersOwn) {
  EXPECT_EQ(hostname(0), enter_shell(domain_, "hostname").text.substr(0, hostname(0).size()));
  enter_shell(domain_, "hostname renamed.example");
  EXPECT_EQ(hostname(0), "renamed.example");
  EXPECT_EQ(hostname(VIR_DOMAIN_GET_HOSTNAME_AGENT), "renamed.example");
}

TEST_F(GuestQuestionsTest, N7AMacvlanIsCounted) {
  const std::string direct = "<interface type='direct'><source dev='" + bridge_.name() +
                             "' mode='bridge'/><mac address='52:54:00:77:00:02'/><guest dev='mv0'/></interface>";
  ASSERT_TRUE(ok(virDomainAttachDeviceFlags(domain_, direct.c_str(), VIR_DOMAIN_AFFECT_LIVE)));
  enter_shell(domain_, "ip addr add 10.67.0.2/24 dev mv0; ip link set mv0 up; ping -c 1 -W 1 10.67.0.1");
  virDomainInterfaceStatsStruct stats{};
  ASSERT_TRUE(ok(virDomainInterfaceStats(domain_, "52:54:00:77:00:02", &stats, sizeof stats)));
  EXPECT_GT(stats.tx_packets, 0) << "it has at least asked who has that address";
}

}  // namespace
