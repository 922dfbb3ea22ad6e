// States and their reasons (lifecycle.md §2), suspend that really freezes, and what ends a container.
#include <signal.h>

#include <filesystem>

#include "support/fixture.hpp"

namespace {

using namespace support;

class StateTest : public SystemTest {
 protected:
  /// Starts the container and waits until its init has taken hold.
  Domain start(Rootfs& root, const DomainXml& definition) const {
    Domain domain = define_and_start(definition);
    EXPECT_TRUE(root.wait_ready() && wait_for_init(domain));
    return domain;
  }
  Domain start(Rootfs& root) const { return start(root, xml("state", root)); }
};

TEST_F(StateTest, BootedUserUnpausedDestroyed) {
  Rootfs root;
  const Domain domain = define(xml("state", root));
  EXPECT_EQ(state_and_reason(domain), "shutoff/0");
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_EQ(state_and_reason(domain), "running/1");
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  EXPECT_EQ(state_and_reason(domain), "paused/1");
  ASSERT_TRUE(ok(virDomainSuspend(domain))) << "silently";
  EXPECT_EQ(state_and_reason(domain), "paused/1");
  ASSERT_TRUE(ok(virDomainResume(domain)));
  EXPECT_EQ(state_and_reason(domain), "running/5");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(state_and_reason(domain), "shutoff/2");
  EXPECT_EQ(id_of(domain), -1);
}

TEST_F(StateTest, InitThatEndsByItselfIsShutdown) {
  Rootfs root(init::kExitOnGo);
  const Domain domain = start(root);
  root.write("go", "0");
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1");
}

TEST_F(StateTest, PowerOffFromInsideIsShutdown) {
  Rootfs root(init::kPowerOffOnGo);
  const Domain domain = start(root);
  root.write("go", "");
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1");
}

TEST_F(StateTest, ShutdownSignalLetsInitEnd) {
  Rootfs root;
  const Domain domain = start(root);
  ASSERT_TRUE(ok(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_SIGNAL)));
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1");
}

TEST_F(StateTest, ShutdownOfAPausedDomainHappensAtResume) {
  Rootfs root;
  const Domain domain = start(root);
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  ASSERT_TRUE(ok(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_SIGNAL)));
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_PAUSED);
  ASSERT_TRUE(ok(virDomainResume(domain)));
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
}

TEST_F(StateTest, DestroyIsAPowerCutForADeafInit) {
  Rootfs root(init::kDeaf);
  const Domain domain = start(root);
  const pid_t init = init_pid(domain);
  ASSERT_GT(init, 0);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(state_and_reason(domain), "shutoff/2");
  EXPECT_TRUE(processes_of(own_name("state")).empty());
}

TEST_F(StateTest, DestroyTakesEveryProcessOfTheContainer) {
  Rootfs root;
  root.set_init(R"(for i in 1 2 3 4 5 6 7 8; do (trap '' TERM; setsid sleep 100000) & done
: > /ready
exec sleep 100000
)");
  const Domain domain = start(root);
  EXPECT_GE(processes_of(own_name("state")).size(), 9U);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(processes_of(own_name("state")).empty());
}

TEST_F(StateTest, DestroyOfAPausedDomain) {
  Rootfs root(init::kDeaf);
  const Domain domain = start(root);
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(state_and_reason(domain), "shutoff/2");
  EXPECT_TRUE(eventually([] { return processes_of(own_name("state")).empty(); }));
}

TEST_F(StateTest, SuspendReallyFreezes) {
  Rootfs root;
  root.set_init(R"(trap 'exit 0' TERM
: > /ready
n=0
while :; do n=$((n + 1)); echo $n > /count; usleep 1000; done
)");
  const Domain domain = start(root);
  const auto count = [&] { return std::atol(root.read("count").c_str()); };
  ASSERT_TRUE(eventually([&] { return count() > 3; }));
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  // After the reply nothing inside moves. The counter may have been cut off within its write.
  const pid_t init = init_pid(domain);
  ASSERT_GT(init, 0);
  const std::string frozen = proc_file(init, "stat");
  EXPECT_FALSE(eventually([&] { return proc_file(init, "stat") != frozen; }, Milliseconds(100))) << "it used CPU time";
  ASSERT_TRUE(ok(virDomainResume(domain)));
  const long before = count();
  EXPECT_TRUE(eventually([&] { return count() > before + 3; }));
}

TEST_F(StateTest, InfoOfARunningDomain) {
  Rootfs root;
  DomainXml definition = xml("state", root);
  definition.memory_kib = 50000;
  const Domain domain = start(root, definition);
  virDomainInfo info;
  ASSERT_TRUE(ok(virDomainGetInfo(domain, &info)));
  EXPECT_EQ(info.state, VIR_DOMAIN_RUNNING);
  EXPECT_EQ(info.maxMem, 50000U);
  EXPECT_GT(info.memory, 0U) << "usage";
  EXPECT_LT(info.memory, 50000U);
  EXPECT_EQ(info.nrVirtCpu, 1U);
  EXPECT_GT(info.cpuTime, 0U);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  ASSERT_TRUE(ok(virDomainGetInfo(domain, &info)));
  EXPECT_EQ(info.state, VIR_DOMAIN_SHUTOFF);
  EXPECT_EQ(info.memory, 50000U) << "currentMemory when it is off";
  EXPECT_EQ(info.cpuTime, 0U);
}

TEST_F(StateTest, SignalsReachInit) {
  Rootfs root(init::kRecordSignals);
  const Domain domain = start(root);
  EXPECT_TRUE(ok(virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_USR1, 0)));
  EXPECT_TRUE(root.wait_for_text("signals", "USR1"));
  EXPECT_TRUE(ok(virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_HUP, 0)));
  EXPECT_TRUE(root.wait_for_text("signals", "HUP"));
  EXPECT_TRUE(ok(virDomainReboot(domain, VIR_DOMAIN_REBOOT_SIGNAL)));
  EXPECT_TRUE(eventually([&] { return root.read("signals") == "USR1\nHUP\nHUP\n"; })) << root.read("signals");
  EXPECT_TRUE(ok(virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_KILL, 0)));
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
}

TEST_F(StateTest, StartsPaused) {
  SKIP_ON_STOCK("refuses the flag");
  Rootfs root;
  const Domain domain = define(xml("state", root));
  ASSERT_TRUE(ok(virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED)));
  EXPECT_EQ(state_and_reason(domain), "paused/1");
  EXPECT_GT(id_of(domain), 0);
  ASSERT_TRUE(ok(virDomainResume(domain)));
  EXPECT_TRUE(root.wait_ready());
  Rootfs other;
  const Domain transient = create(xml("first", other), VIR_DOMAIN_START_PAUSED);
  EXPECT_EQ(state_and_reason(transient), "paused/1");
}

TEST_F(StateTest, AGracefulDestroyAsksAndKillsNobody) {
  SKIP_ON_STOCK("refuses the flag");
  Rootfs obedient(init::kObedient), deaf(init::kDeaf);
  const Domain good = start(obedient);
  ASSERT_TRUE(ok(virDomainDestroyFlags(good, VIR_DOMAIN_DESTROY_GRACEFUL)));
  EXPECT_EQ(state_and_reason(good), "shutoff/1");
  const Domain stubborn = define_and_start(xml("deaf", deaf));
  ASSERT_TRUE(deaf.wait_ready());
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, virDomainDestroyFlags(stubborn, VIR_DOMAIN_DESTROY_GRACEFUL)));
  EXPECT_EQ(state_of(stubborn), VIR_DOMAIN_RUNNING);
}

TEST_F(StateTest, ADestroyTakesTheLogAlongIfAsked) {
  SKIP_ON_STOCK("refuses the flag");
  NEEDS_OWN_DAEMON();
  Daemon daemon(make_folder("logs"));
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  Rootfs root;
  const auto definition = xml("logs", root);
  const Domain domain(virDomainDefineXML(connection, definition.text().c_str()));
  const std::string log = daemon.log_folder() + "/" + definition.name + ".log";
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(exists(log));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(ok(virDomainDestroyFlags(domain, VIR_DOMAIN_DESTROY_REMOVE_LOGS)));
  EXPECT_FALSE(exists(log));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainDestroyFlags(domain, VIR_DOMAIN_DESTROY_REMOVE_LOGS)));
}

TEST_F(StateTest, ADefinitionChangedSinceTheStartIsToldByIsUpdated) {
  SKIP_ON_STOCK("a constant");
  Rootfs root;
  const Domain domain = start(root);
  EXPECT_EQ(virDomainIsUpdated(domain), 0);
  ASSERT_TRUE(ok(virDomainSetMemoryFlags(domain, 32768, VIR_DOMAIN_AFFECT_CONFIG)));
  EXPECT_EQ(virDomainIsUpdated(domain), 1);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(virDomainIsUpdated(domain), 0);
}

TEST_F(StateTest, BusyboxsOwnInitIsAskedInItsWords) {
  SKIP_ON_STOCK("SIGTERM makes it reboot");
  Rootfs root;
  root.write("etc/inittab", "::sysinit:/bin/busybox touch /ready\n::shutdown:/bin/busybox touch /went-down\n");
  root.remove("sbin/init");
  std::filesystem::create_symlink("/bin/busybox", root / "sbin/init");
  const Domain domain = start(root);
  ASSERT_TRUE(ok(virDomainShutdown(domain)));
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_TRUE(root.has("went-down"));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1");
}

TEST_F(StateTest, InitctlRequestReachesTheContainersOwnFifo) {
  Rootfs root(init::kInitctl);
  const Domain domain = start(root);
  ASSERT_TRUE(ok(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_INITCTL)));
  ASSERT_TRUE(root.wait_for("initctl-request"));
  const std::string request = root.read("initctl-request");
  ASSERT_EQ(request.size(), 384U);
  EXPECT_EQ(request.substr(0, 4), std::string("\x69\x19\x09\x03", 4)) << "magic 0x03091969";
  EXPECT_EQ(request[4], 1) << "a runlevel request";
  EXPECT_EQ(request[8], '0');
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING) << "it was asked, not told";
}

TEST_F(StateTest, RebootByInitctlAsksForRunlevelSix) {
  Rootfs root(init::kInitctl);
  const Domain domain = start(root);
  ASSERT_TRUE(ok(virDomainReboot(domain, 0)));
  ASSERT_TRUE(root.wait_for("initctl-request"));
  EXPECT_EQ(root.read("initctl-request")[8], '6');
}

TEST_F(StateTest, GuestRebootStartsItAgainWithANewId) {
  Rootfs root(init::kRebootOnGo);
  const Domain domain = start(root);
  const int before = id_of(domain);
  root.write("go", "");
  ASSERT_TRUE(eventually([&] { return root.read("boots") == "boot\nboot\n"; }));
  // The second init runs a moment before the daemon hears of it.
  EXPECT_TRUE(eventually([&] { return id_of(domain) > 0 && id_of(domain) != before; }));
  EXPECT_EQ(state_and_reason(domain), "running/1");
}

TEST_F(StateTest, ManyStartsAndStops) {
  Rootfs root;
  const Domain domain = define(xml("state", root));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(ok(virDomainCreate(domain))) << "start " << i;
    ASSERT_TRUE(ok(virDomainDestroy(domain))) << "destroy " << i;
  }
}

}  // namespace
