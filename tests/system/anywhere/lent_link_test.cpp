// <hostdev mode='capabilities' type='net'>: a link of the host is the container's while it runs, and comes back with
// its own name and address whatever happens meanwhile.
#include <signal.h>

#include <filesystem>
#include <memory>

#include "support/own_daemon.hpp"
#include "support/wire.hpp"

namespace {

using namespace support;

class LentLinkTest : public OwnDaemonTest {
 protected:
  LentLinkTest() : OwnDaemonTest("lent") {}
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    begin();
  }
  void TearDown() override {
    OwnDaemonTest::TearDown();
    if (!daemon_) return;
    EXPECT_EQ(read_text("/proc/self/mountinfo").find(daemon_->state_folder() + "/lent"), std::string::npos)
        << "a namespace is still kept";
  }

  DomainXml xml(const std::string& word, const Rootfs& root, const std::string& more = "") const {
    DomainXml definition;
    definition.name = own_name("lent" + word);
    definition.root = root.path();
    definition.private_network = false;
    definition.devices =
        "    <hostdev mode='capabilities' type='net'>\n      <source><interface>" + wire_.name() +
        "</interface></source>\n      <ip address='" + wire_.address(2) +
        "' family='ipv4' prefix='24'/>\n      <route family='ipv4' address='10.216.1.0' prefix='24' gateway='" +
        wire_.address() + "'/>\n    </hostdev>\n" + more;
    return definition;
  }
  Domain define(const std::string& text) {
    Domain domain(virDomainDefineXML(connection_, text.c_str()));
    EXPECT_TRUE(domain) << describe(last_failure());
    return domain;
  }
  /// Started, and the guest has made the link its own: another name, another address.
  Domain start_and_change() {
    Domain domain = define(xml("", root_));
    EXPECT_TRUE(ok(virDomainCreate(domain)));
    EXPECT_TRUE(root_.wait_ready());
    EXPECT_FALSE(exists("/sys/class/net/" + wire_.name()));
    const Output changed = enter_shell(domain, "ip link set " + wire_.name() + " down && ip link set " + wire_.name() +
                                                   " address 52:54:00:66:66:66 name mine && ip link set mine up");
    EXPECT_EQ(changed.status, 0) << changed.text;
    return domain;
  }
  void expect_back() {
    EXPECT_TRUE(eventually([&] { return exists("/sys/class/net/" + wire_.name()); }));
    EXPECT_TRUE(eventually([&] { return mac_of(wire_.name()) == mac_; })) << mac_of(wire_.name());
  }

  Wire wire_;
  const std::string mac_ = mac_of(wire_.name());
  Rootfs root_;
};

TEST_F(LentLinkTest, N6_HasItsAddressesAndRoutesAndLoIsUp) {
  const Domain domain = define(xml("", root_));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(enter_shell(domain, "ping -c 1 -w 10 " + wire_.address()).status, 0);
  EXPECT_EQ(enter_shell(domain, "ping -c 1 -w 10 127.0.0.1").status, 0) << "lo is up though there is no interface";
  EXPECT_NE(enter_shell(domain, "ip route").text.find("10.216.1.0/24 via " + wire_.address()), std::string::npos);
}

TEST_F(LentLinkTest, ComesBackAfterDestroy) {
  const Domain domain = start_and_change();
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  expect_back();
  EXPECT_TRUE(ok(virDomainCreate(domain))) << "and can be lent again";
}

TEST_F(LentLinkTest, ComesBackAfterTheContainersOwnEnd) {
  const Domain domain = start_and_change();
  ASSERT_TRUE(ok(virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_TERM, 0)));
  expect_back();
}

TEST_F(LentLinkTest, ComesBackAfterTheSupervisorsDeath) {
  const Domain domain = start_and_change();
  ::kill(id_of(domain), SIGKILL);
  expect_back();
}

TEST_F(LentLinkTest, ComesBackWhenTheContainerEndedWithoutADaemon) {
  const pid_t init = init_pid(start_and_change());
  connection_.reset();
  daemon_->kill();
  ::kill(init, SIGKILL);
  ASSERT_TRUE(eventually([&] { return !exists("/proc/" + std::to_string(init)); }));
  daemon_->start();
  expect_back();
}

TEST_F(LentLinkTest, ComesBackWhenDaemonAndSupervisorAndContainerDied) {
  const pid_t supervisor = id_of(start_and_change());
  connection_.reset();
  daemon_->kill();
  ::kill(supervisor, SIGKILL);
  ASSERT_TRUE(eventually([&] { return processes_of(own_name("lent")).empty(); }));
  daemon_->start();
  expect_back();
}

TEST_F(LentLinkTest, StaysWithAContainerThatSurvivesTheDaemon) {
  start_and_change();
  crash_and_restart();
  const Domain domain(virDomainLookupByName(connection_, own_name("lent").c_str()));
  ASSERT_TRUE(domain);
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "lo\nmine\n");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  expect_back();
}

TEST_F(LentLinkTest, ComesBackFromAStartThatFailed) {
  DomainXml definition = xml("", root_, bridge_interface(wire_.far_end()));  // no bridge, which shows when it is tried
  const Domain domain = define(definition);
  EXPECT_EQ(virDomainCreate(domain), -1);
  expect_back();
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  definition = xml("", root_);
  definition.init = "/no/such/init";
  const Domain other = define(definition);
  EXPECT_EQ(virDomainCreate(other), -1);
  expect_back();
}

TEST_F(LentLinkTest, WhoHasItIsNamed) {
  const Domain domain = start_and_change();
  const Rootfs other_root;
  const Domain other = define(xml("-two", other_root));
  EXPECT_EQ(virDomainCreate(other), -1);
  EXPECT_NE(last_failure().message.find("in use by domain '" + own_name("lent") + "'"), std::string::npos)
      << describe(last_failure());
}

TEST_F(LentLinkTest, AnotherOfItsNameDoesNotLoseIt) {
  const Domain domain = start_and_change();
  ASSERT_EQ(shell("ip link add " + wire_.name() + " type bridge").status, 0);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  const std::string other = wire_.name().substr(0, 10) + ".lent";
  EXPECT_TRUE(eventually([&] { return mac_of(other) == mac_; })) << mac_of(other);
  shell("ip link del " + wire_.name());
}

TEST_F(LentLinkTest, MissingAndUnmovableOnesAreNamed) {
  for (const std::string name : {"lxt-gone", "lo"}) {
    DomainXml definition = xml("", root_);
    definition.devices =
        "    <hostdev mode='capabilities' type='net'><source><interface>" + name + "</interface></source></hostdev>\n";
    const Domain domain = define(definition);
    EXPECT_EQ(virDomainCreate(domain), -1);
    EXPECT_NE(last_failure().message.find("'" + name + "'"), std::string::npos) << describe(last_failure());
    EXPECT_TRUE(ok(virDomainUndefine(domain)));
  }
}

}  // namespace
