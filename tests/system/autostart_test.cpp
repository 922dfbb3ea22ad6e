// Autostart: the flag, the link on disk, and what a daemon does with it (lifecycle.md §8).
#include <filesystem>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

class AutostartTest : public SystemTest {
 protected:
  static int autostart(virDomainPtr domain) {
    int on = -1;
    EXPECT_TRUE(ok(virDomainGetAutostart(domain, &on)));
    return on;
  }
};

TEST_F(AutostartTest, FlagIsRemembered) {
  const Domain domain = define(xml("auto"));
  EXPECT_EQ(autostart(domain), 0);
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 1)));
  EXPECT_EQ(autostart(domain), 1);
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 1))) << "again is no error";
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 0)));
  EXPECT_EQ(autostart(domain), 0);
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 0)));
}

TEST_F(AutostartTest, IsALinkToTheDefinition) {
  NEEDS_OWN_DAEMON();
  const Domain domain = define(xml("auto"));
  const std::string link = host().daemon()->config_folder() + "/autostart/" + own_name("auto") + ".xml";
  EXPECT_FALSE(exists(link));
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 1)));
  ASSERT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(fs::read_symlink(link), host().daemon()->config_folder() + "/" + own_name("auto") + ".xml");
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 0)));
  EXPECT_FALSE(exists(link));
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 1)));
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  EXPECT_TRUE(eventually([&] { return !exists(link); })) << "undefine removes it";
}

TEST_F(AutostartTest, UndefineWhileRunningRemovesTheLink) {
  NEEDS_OWN_DAEMON();
  const Rootfs root;
  const Domain domain = define_and_start(xml("auto", root));
  ASSERT_TRUE(ok(virDomainSetAutostart(domain, 1)));
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  EXPECT_TRUE(
      eventually([] { return !exists(host().daemon()->config_folder() + "/autostart/" + own_name("auto") + ".xml"); }));
  EXPECT_TRUE(eventually([] { return !exists(host().daemon()->config_folder() + "/" + own_name("auto") + ".xml"); }));
}

TEST_F(AutostartTest, OncePerBootAndNotAtEveryDaemonStart) {
  NEEDS_OWN_DAEMON();
  const Rootfs root;
  Daemon daemon(make_folder("autostart"));
  daemon.start();
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    for (const char* word : {"yes", "no"}) {
      const Domain domain(virDomainDefineXML(connection, xml(word, root).text().c_str()));
      ASSERT_TRUE(domain) << describe(last_failure());
      ASSERT_TRUE(ok(virDomainSetAutostart(domain, std::string(word) == "yes")));
    }
  }
  daemon.stop();
  const auto state = [&](const char* word) {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainLookupByName(connection, own_name(word).c_str()));
    return state_and_reason(domain);
  };
  // A boot empties /run.
  fs::remove_all(daemon.root() + "/run");
  daemon.start();
  EXPECT_TRUE(eventually([&] { return state("yes") == "running/1"; })) << state("yes");
  EXPECT_EQ(state("no"), "shutoff/0");
  daemon.destroy_domains();  // also undefines
  daemon.stop();
}

TEST_F(AutostartTest, SecondDaemonStartWithinABootStartsNothing) {
  NEEDS_OWN_DAEMON();
  const Rootfs root;
  Daemon daemon(make_folder("autostart"));
  daemon.start();
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainDefineXML(connection, xml("yes", root).text().c_str()));
    ASSERT_TRUE(ok(virDomainSetAutostart(domain, 1)));
  }
  daemon.stop();
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  const Domain domain(virDomainLookupByName(connection, own_name("yes").c_str()));
  ASSERT_TRUE(domain);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
  int on = 0;
  EXPECT_TRUE(ok(virDomainGetAutostart(domain, &on)));
  EXPECT_EQ(on, 1) << "the flag itself survives";
}

}  // namespace
