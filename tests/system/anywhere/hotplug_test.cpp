// Interfaces that come, go and change while the container runs.
#include <algorithm>
#include <filesystem>
#include <thread>

#include "support/devices.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

class HotplugTest : public SystemTest {
 protected:
  void SetUp() override {
    if (host().is_stock()) GTEST_SKIP() << "stock has defects N1 to N8";
  }
  static std::string mac(int number) {
    char text[32];
    snprintf(text, sizeof text, "52:54:00:77:00:%02x", static_cast<unsigned>(number));
    return text;
  }
  static std::string host_end(virDomainPtr domain, const std::string& mac) {
    return xpath(dump(domain), "string(//interface[mac/@address='" + mac + "']/target/@dev)");
  }
  /// What `ip` says of a link, without the numbers that differ from link to link.
  static std::string inside(virDomainPtr domain, const std::string& link) {
    return enter_shell(domain, "ip -o addr show dev " + link +
                                   " | sed 's/^[0-9]*: //; s/@if[0-9]*//; s/valid_lft.*//'; " + "ip route show dev " +
                                   link + "; cat /sys/class/net/" + link + "/address " + "/sys/class/net/" + link +
                                   "/mtu /sys/class/net/" + link + "/operstate")
        .text;
  }
  bool is_port(const std::string& name, const Bridge& bridge) const {
    const auto ports = bridge.ports();
    return std::find(ports.begin(), ports.end(), name) != ports.end();
  }
  /// A running container with a network namespace of its own and nothing in it.
  Domain bare(const std::string& word = "hot") {
    Domain domain = define_and_start(xml(word, root_));
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }

  Bridge bridge_;
  Rootfs root_;
};

TEST_F(HotplugTest, N1AttachedIsLikeStartedWith) {
  const std::string more =
      "<guest dev='lan0'/><ip address='10.9.8.7' prefix='24'/><ip address='2001:db8::7' prefix='64'/>"
      "<route address='10.99.0.0' prefix='16' gateway='10.9.8.1'/><mtu size='1400'/>";
  Rootfs other;
  DomainXml definition = xml("cold", other);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge_.name(), mac(1), more);
  const Domain cold = define_and_start(definition);
  ASSERT_TRUE(other.wait_ready());
  const std::string expected = inside(cold, "lan0");
  ASSERT_TRUE(ok(virDomainDestroy(cold)));

  const Domain hot = bare();
  ASSERT_TRUE(ok(attach(hot, bridge_interface(bridge_.name(), mac(1), more))));
  EXPECT_EQ(inside(hot, "lan0"), expected);
  EXPECT_NE(expected.find("10.9.8.7/24"), std::string::npos) << expected;
  EXPECT_NE(expected.find("10.99.0.0/16"), std::string::npos) << expected;
  EXPECT_NE(expected.find("1400\nup"), std::string::npos) << expected;
  EXPECT_TRUE(is_port(host_end(hot, mac(1)), bridge_));
}

TEST_F(HotplugTest, N1LinkStateIsThatOfAStart) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1), "<link state='down'/>"))));
  EXPECT_EQ(enter_shell(domain, "ip link set eth0 up; cat /sys/class/net/eth0/carrier").text, "0\n");
}

TEST_F(HotplugTest, NamesInsideAreTheFirstFree) {
  const Domain domain = bare();
  const auto attach_another = [&](int number) {
    EXPECT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(number))))) << number;
  };
  const auto address = [&](const char* name) {
    return enter_shell(domain, std::string("cat /sys/class/net/") + name + "/address").text;
  };
  attach_another(1);
  attach_another(2);
  enter_shell(domain, "ip link set eth1 name eth2");
  attach_another(3);
  attach_another(4);
  ASSERT_TRUE(ok(detach(domain, bridge_interface(bridge_.name(), mac(1)))));
  attach_another(5);
  EXPECT_EQ(address("eth1"), mac(3) + "\n");
  EXPECT_EQ(address("eth2"), mac(2) + "\n");
  EXPECT_EQ(address("eth3"), mac(4) + "\n");
  EXPECT_EQ(address("eth0"), mac(5) + "\n");
}

TEST_F(HotplugTest, DetachedIsGoneOnBothSides) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1)))));
  const std::string name = host_end(domain, mac(1));
  ASSERT_NE(name, "");
  enter_shell(domain, "ip link set eth0 name renamed");
  ASSERT_TRUE(ok(detach(domain, bridge_interface(bridge_.name(), mac(1)))));
  EXPECT_FALSE(exists("/sys/class/net/" + name));
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "lo\n");
  EXPECT_EQ(xpath(dump(domain), "count(//interface)"), "0");
  EXPECT_TRUE(fails_with(VIR_ERR_DEVICE_MISSING, detach(domain, bridge_interface(bridge_.name(), mac(1)))));
}

TEST_F(HotplugTest, AContainerWithItsOwnIdsGetsInterfacesToo) {
  DomainXml definition = xml("ids", root_);
  definition.elements =
      "  <idmap><uid start='0' target='200000' count='65536'/><gid start='0' target='200000' count='65536'/></idmap>\n";
  root_.give_to(200000);
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root_.wait_ready());
  const std::string xml = bridge_interface(bridge_.name(), mac(1), "<ip address='10.9.8.7' prefix='24'/>");
  ASSERT_TRUE(ok(attach(domain, xml)));
  EXPECT_NE(inside(domain, "eth0").find("10.9.8.7/24"), std::string::npos) << inside(domain, "eth0");
  ASSERT_TRUE(ok(detach(domain, xml)));
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "lo\n");
}

TEST_F(HotplugTest, N7AMacvlanComesChangesAndGoes) {
  const Domain domain = bare();
  const std::string head =
      "<interface type='direct'><source dev='" + bridge_.name() + "' mode='bridge'/><mac address='" + mac(1) + "'/>";
  ASSERT_TRUE(ok(attach(domain, head + "<ip address='10.9.8.7' prefix='24'/></interface>")));
  EXPECT_NE(inside(domain, "eth0").find("10.9.8.7/24"), std::string::npos) << inside(domain, "eth0");
  const std::string changed =
      head + "<ip address='10.9.8.7' prefix='24'/><mtu size='1300'/><link state='down'/></interface>";
  ASSERT_TRUE(ok(update(domain, changed)));
  EXPECT_NE(inside(domain, "eth0").find("1300\ndown"), std::string::npos) << inside(domain, "eth0");
  enter_shell(domain, "ip link set eth0 name renamed");
  ASSERT_TRUE(ok(detach(domain, changed)));
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "lo\n");
}

TEST_F(HotplugTest, N3WithoutANetworkOfItsOwnIsRefused) {
  Daemon daemon(make_folder("hotplug"));
  std::filesystem::create_directories(daemon.root() + "/etc/libvirt");
  write_text(daemon.root() + "/etc/libvirt/virtlxcelld.conf", "share_host_network = 1\n");
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  ASSERT_TRUE(connection) << describe(last_failure());
  DomainXml definition = xml("shared", root_);
  definition.private_network = false;
  const Domain domain(virDomainCreateXML(connection, definition.text().c_str(), 0));
  ASSERT_TRUE(domain) << describe(last_failure());
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, attach(domain, bridge_interface(bridge_.name(), mac(1)))));
  EXPECT_TRUE(bridge_.ports().empty());
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
}

TEST_F(HotplugTest, L1AFailedAttachLeavesNothing) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(9), "<guest dev='taken'/>"))));
  const auto before = bridge_.ports();
  const std::string was = dump(domain);
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, attach(domain, bridge_interface("nobridge0", mac(1)))));
  EXPECT_NE(last_failure().message.find("nobridge0"), std::string::npos) << describe(last_failure());
  const std::string route = "<route address='10.99.0.0' prefix='16' gateway='192.0.2.1'/>";  // not reachable
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, attach(domain, bridge_interface(bridge_.name(), mac(1), route))));
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR,
                         attach(domain, bridge_interface(bridge_.name(), mac(1), "<guest dev='taken'/>"))));
  EXPECT_NE(last_failure().message.find("taken"), std::string::npos) << describe(last_failure());
  EXPECT_EQ(bridge_.ports(), before);
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "lo\ntaken\n");
  EXPECT_EQ(dump(domain), was);
}

TEST_F(HotplugTest, N5LinkStateBridgeAndMtuChangeLive) {
  const Bridge other;
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1), "<link state='up'/>"))));
  const std::string name = host_end(domain, mac(1));
  const auto carrier = [&] { return enter_shell(domain, "cat /sys/class/net/eth0/carrier").text; };
  EXPECT_EQ(carrier(), "1\n");
  ASSERT_TRUE(ok(update(domain, bridge_interface(bridge_.name(), mac(1), "<link state='down'/>"))));
  EXPECT_EQ(carrier(), "0\n");
  ASSERT_TRUE(ok(update(domain, bridge_interface(other.name(), mac(1), "<mtu size='1280'/>"))));
  EXPECT_EQ(carrier(), "1\n");
  EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/eth0/mtu").text, "1280\n");
  EXPECT_EQ(read_text("/sys/class/net/" + name + "/mtu"), "1280\n");
  EXPECT_TRUE(is_port(name, other));
  EXPECT_FALSE(is_port(name, bridge_));
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, update(domain, bridge_interface("nobridge0", mac(1)))));
  EXPECT_TRUE(is_port(name, other)) << "a failed change is taken back";
  EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/eth0/mtu").text, "1280\n");
}

TEST_F(HotplugTest, N5AddressesAndRoutesChangeLive) {
  const Domain domain = bare();
  const std::string first = "<ip address='10.9.8.7' prefix='24'/>", second = "<ip address='10.9.9.7' prefix='24'/>",
                    route = "<route address='10.99.0.0' prefix='16' gateway='10.9.9.1'/>";
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1)))));
  ASSERT_TRUE(ok(update(domain, bridge_interface(bridge_.name(), mac(1), first + second + route))));
  std::string now = inside(domain, "eth0");
  EXPECT_NE(now.find("10.9.8.7/24"), std::string::npos) << now;
  EXPECT_NE(now.find("10.99.0.0/16 via 10.9.9.1"), std::string::npos) << now;
  ASSERT_TRUE(ok(update(domain, bridge_interface(bridge_.name(), mac(1), second + route))));
  now = inside(domain, "eth0");
  EXPECT_EQ(now.find("10.9.8.7"), std::string::npos) << now;
  EXPECT_NE(now.find("10.99.0.0/16 via 10.9.9.1"), std::string::npos) << now;
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR,
                         update(domain, bridge_interface(bridge_.name(), mac(1),
                                                         second + "<route address='10.98.0.0' prefix='16' "
                                                                  "gateway='10.200.0.1'/>"))));
  EXPECT_EQ(inside(domain, "eth0"), now) << "a failed change is taken back";
}

TEST_F(HotplugTest, VirshSetsAndTellsTheLinkState) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1)), kLive | kConfig)));
  const auto virsh = [&](const std::string& command) {
    return shell("virsh -c '" + host().uri() + "' " + command).text;
  };
  const std::string name = own_name("hot");
  EXPECT_NE(virsh("domif-setlink " + name + " " + mac(1) + " down").find("success"), std::string::npos);
  EXPECT_NE(virsh("domif-getlink " + name + " " + mac(1)).find("down"), std::string::npos);
  EXPECT_EQ(enter_shell(domain, "ip link set eth0 up; cat /sys/class/net/eth0/carrier").text, "0\n");
  EXPECT_NE(virsh("domif-setlink " + name + " " + host_end(domain, mac(1)) + " up").find("success"), std::string::npos);
  EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/eth0/carrier").text, "1\n");
  EXPECT_NE(virsh("domiftune " + name + " " + mac(1) + " --inbound 200,300,40 --live --config"), "");
  const std::string tuned = virsh("domiftune " + name + " " + mac(1));
  EXPECT_NE(tuned.find("inbound.average: 200"), std::string::npos) << tuned;
  EXPECT_NE(tuned.find("inbound.burst  : 40"), std::string::npos) << tuned;
  EXPECT_NE(shell("tc class show dev " + host_end(domain, mac(1))).text.find("1600Kbit"), std::string::npos)
      << shell("tc class show dev " + host_end(domain, mac(1))).text;
  EXPECT_NE(virsh("domiflist " + name).find(bridge_.name()), std::string::npos);
  EXPECT_NE(virsh("domiftune " + name + " " + mac(1) + " --inbound 0 --live"), "");
  EXPECT_EQ(shell("tc class show dev " + host_end(domain, mac(1))).text, "");
}

TEST_F(HotplugTest, ARestartedDaemonKnowsWhatWasAttached) {
  Daemon daemon(make_folder("hotplug"));
  daemon.start();
  Connection connection(virConnectOpen(daemon.uri().c_str()));
  ASSERT_TRUE(connection) << describe(last_failure());
  const std::string name = own_name("restart-hot");
  DomainXml definition = xml("restart-hot", root_);
  Domain domain(virDomainDefineXML(connection, definition.text().c_str()));
  ASSERT_TRUE(domain && ok(virDomainCreate(domain))) << describe(last_failure());
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1)))));
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(2)))));
  ASSERT_TRUE(ok(detach(domain, bridge_interface(bridge_.name(), mac(1)))));
  const std::string before = dump(domain), link = host_end(domain, mac(2));
  domain.reset();
  connection.reset();
  daemon.kill();
  daemon.start();
  connection = Connection(virConnectOpen(daemon.uri().c_str()));
  domain = Domain(virDomainLookupByName(connection, name.c_str()));
  ASSERT_TRUE(domain) << describe(last_failure());
  EXPECT_EQ(dump(domain), before);
  ASSERT_TRUE(ok(detach(domain, bridge_interface(bridge_.name(), mac(2)))));
  EXPECT_FALSE(exists("/sys/class/net/" + link));
  domain.reset();
  connection.reset();
  daemon.destroy_domains();
}

TEST_F(HotplugTest, AttachedGoesWithTheContainer) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(1)), kLive | kConfig)));
  const std::string name = host_end(domain, mac(1));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(eventually([&] { return !exists("/sys/class/net/" + name) && bridge_.ports().empty(); })) << name;
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_NE(host_end(domain, mac(1)), "") << "the next boot has it too (N4: with the same address)";
}

TEST_F(HotplugTest, SixtyFourInterfacesUnderTraffic) {
  const Domain domain = bare();
  ASSERT_TRUE(ok(attach(
      domain, bridge_interface(bridge_.name(), mac(0), "<ip address='" + bridge_.address(2) + "' prefix='24'/>"))));
  std::thread traffic([&] {  // while all the others come and go
    const Output ping = enter_shell(domain, "ping -q -c 100 -i 0.02 -w 60 " + bridge_.address());
    EXPECT_NE(ping.text.find(" 0% packet loss"), std::string::npos) << ping.text;
  });
  for (int i = 1; i < 64; ++i) EXPECT_TRUE(ok(attach(domain, bridge_interface(bridge_.name(), mac(i))))) << i;
  EXPECT_EQ(bridge_.ports().size(), 64U);
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net | wc -l").text, "65\n");
  for (int i = 1; i < 64; ++i) EXPECT_TRUE(ok(detach(domain, bridge_interface(bridge_.name(), mac(i))))) << i;
  EXPECT_EQ(bridge_.ports().size(), 1U);
  traffic.join();
}

TEST_F(HotplugTest, AContainerThatEndsMeanwhileLeavesNothing) {
  for (int round = 0; round < 10; ++round) {
    root_.set_init(init::kObedient);
    const Domain domain = define_and_start(xml("hot", root_));
    ASSERT_TRUE(root_.wait_ready());
    std::thread killer([&] { enter_shell(domain, "kill -TERM 1"); });
    int attached = 0;
    while (attached < 64 && attach(domain, bridge_interface(bridge_.name(), mac(attached))) == 0) ++attached;
    const Failure why = attached < 64 ? last_failure() : Failure{};
    killer.join();
    ASSERT_TRUE(eventually([&] { return state_of(domain) == VIR_DOMAIN_SHUTOFF; }));
    EXPECT_TRUE(eventually([&] { return bridge_.ports().empty(); })) << "after " << attached << ": " << describe(why);
    EXPECT_NE(why.code, VIR_ERR_INTERNAL_ERROR) << describe(why);
    ASSERT_TRUE(ok(virDomainUndefine(domain)));
  }
}

}  // namespace
