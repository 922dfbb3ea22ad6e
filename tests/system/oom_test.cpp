// A container that runs out of memory: who is killed, who hears of it, and what becomes of it.
#include <signal.h>

#include "support/fixture.hpp"

namespace {

using namespace support;

/// Asks for more than the limit below, in one piece.
const char* const kHog = "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null";

class OomTest : public SystemTest {
 protected:
  void SetUp() override { NEEDS_OWN_DAEMON(); }
  static DomainXml small(const std::string& word, const Rootfs& root) {
    DomainXml definition = xml(word, root);
    definition.memory_kib = 24 * 1024;
    return definition;
  }
  static std::string daemon_log() { return host().daemon()->output(); }
  static std::string container_log(const std::string& word) {
    return read_text(host().daemon()->log_folder() + "/" + own_name(word) + ".log");
  }
  static bool log_says(const std::string& text) {
    return eventually([&] { return daemon_log().find(text) != std::string::npos; });
  }
};

TEST_F(OomTest, KillInsideIsToldAndHarmsNobodyElse) {
  Rootfs root;
  root.set_init("while [ ! -e /go ]; do usleep 5000; done\n" + std::string(kHog) +
                "\necho $? > /verdict.new\nmv /verdict.new /verdict\nsleep 100000\n");
  const Domain domain = create(small("oom-inside", root));
  EventCollector events(connection_);
  Rootfs other;
  const Domain bystander = create(small("oom-bystander", other));
  const pid_t init = init_pid(domain);
  root.write("go", "");
  ASSERT_TRUE(root.wait_for("verdict"));
  EXPECT_EQ(root.read("verdict"), "137\n") << "killed";
  EXPECT_TRUE(log_says("domain '" + own_name("oom-inside") + "' ran out of memory: 1 process was killed"))
      << daemon_log();
  EXPECT_TRUE(eventually([] { return container_log("oom-inside").find("out of memory: 1 ") != std::string::npos; }));
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
  EXPECT_EQ(init_pid(domain), init);
  EXPECT_EQ(state_of(bystander), VIR_DOMAIN_RUNNING);
  EXPECT_EQ(daemon_log().find(own_name("oom-bystander") + "' ran out"), std::string::npos);
  EXPECT_TRUE(events.drain());
  EXPECT_EQ(events.story(own_name("oom-inside")), "") << "nothing of its life has changed";
}

TEST_F(OomTest, FloodOfKillsIsCountedInFewLines) {
  Rootfs root;
  root.set_init("n=0\nwhile [ $n -lt 20 ]; do " + std::string(kHog) + "; n=$((n+1)); done\n: > /done\nsleep 100000\n");
  const Domain domain = create(small("oom-flood", root));
  ASSERT_TRUE(root.wait_for("done"));
  EXPECT_TRUE(log_says("(20 since it started)")) << daemon_log();
  const std::string start = "domain '" + own_name("oom-flood") + "' ran out of memory";
  const std::string log = daemon_log();
  int lines = 0;
  for (auto at = log.find(start); at != std::string::npos; at = log.find(start, at + 1)) lines++;
  EXPECT_LT(lines, 20);
}

TEST_F(OomTest, InitThatIsKilledIsACrash) {
  Rootfs root;
  root.set_init("while [ ! -e /go ]; do usleep 5000; done\nexec " + std::string(kHog) + "\n");
  const Domain domain = define(small("oom-init", root));
  EventCollector events(connection_, domain);
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  root.write("go", "");
  EXPECT_TRUE(events.wait_for_story(own_name("oom-init"), "STARTED/0 STOPPED/2")) << events.story();
  EXPECT_EQ(state_and_reason(domain), "shutoff/3") << "crashed";
  EXPECT_TRUE(
      log_says("domain '" + own_name("oom-init") + "': init was killed because the container ran out of memory"))
      << daemon_log();
  EXPECT_NE(container_log("oom-init").find("out of memory: "), std::string::npos);
}

TEST_F(OomTest, OnCrashRestartHoldsForAnInitThatIsKilled) {
  Rootfs root;
  root.set_init("if [ -e /second ]; then : > /ready; sleep 100000; fi\n: > /second\nexec " + std::string(kHog) + "\n");
  DomainXml definition = small("oom-restart", root);
  definition.elements = "  <on_crash>restart</on_crash>\n";
  const Domain domain = define(definition);
  EventCollector events(connection_, domain);
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(root.wait_ready());
  EXPECT_TRUE(events.wait_for_story(own_name("oom-restart"), "STARTED/0 STOPPED/2 STARTED/0")) << events.story();
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(OomTest, AnAdministratorsKillIsNotTheKernels) {
  Rootfs root;
  const Domain domain = create(small("oom-not", root));
  ASSERT_TRUE(root.wait_ready());
  EventCollector events(connection_, domain);
  ASSERT_EQ(kill(init_pid(domain), SIGKILL), 0);
  EXPECT_TRUE(events.wait_for_story(own_name("oom-not"), "STOPPED/2")) << events.story();
  EXPECT_EQ(daemon_log().find(own_name("oom-not") + "': init was killed because"), std::string::npos);
}

}  // namespace
