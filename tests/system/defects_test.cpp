// Stock's defects that must not be repeated, by their number in known-defects.md. Where stock has the defect the test
// is skipped against stock; whether stock still has it is not ours to check.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

class Defects : public SystemTest {
 protected:
  Defects() : events_(connection_) {}

  static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
  static double scaled_ms(long milliseconds) { return static_cast<double>(scaled(Milliseconds(milliseconds)).count()); }
  std::string story(const std::string& word) const { return events_.story(own_name(word)); }

  EventCollector events_;
  Rootfs root_;
};

TEST_F(Defects, D1_S13_SchedulerParametersOfAShutOffDomain) {
  SKIP_ON_STOCK("the daemon crashes, even from a read-only client (D1)");
  DomainXml definition = xml("d1", root_);
  definition.elements = "  <cputune><shares>777</shares></cputune>\n";
  define(definition);
  for (const Access access : {Access::ReadWrite, Access::ReadOnly}) {
    const Connection connection = host().connect(access);
    const Domain domain(virDomainLookupByName(connection, own_name("d1").c_str()));
    int count = 0;
    EXPECT_EQ(take(virDomainGetSchedulerType(domain, &count)), "posix") << describe(last_failure());
    ASSERT_GT(count, 0);
    for (const unsigned flags : {0U, 2U /* config */}) {
      std::vector<virTypedParameter> parameters(static_cast<std::size_t>(count));
      int filled = count;
      ASSERT_TRUE(ok(virDomainGetSchedulerParametersFlags(domain, parameters.data(), &filled, flags)));
      unsigned long long shares = 0;
      EXPECT_EQ(virTypedParamsGetULLong(parameters.data(), filled, VIR_DOMAIN_SCHEDULER_CPU_SHARES, &shares), 1);
      EXPECT_EQ(shares, 777U);
      virTypedParamsClear(parameters.data(), filled);
    }
    std::vector<virTypedParameter> parameters(static_cast<std::size_t>(count));
    EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID,
                           virDomainGetSchedulerParametersFlags(domain, parameters.data(), &count, 1 /* live */)));
  }
  EXPECT_EQ(virConnectIsAlive(connection_), 1);
  EXPECT_GE(virConnectNumOfDomains(connection_), 0);
}

TEST_F(Defects, D3_ShutdownWithoutAnInitctlFallsBackToASignal) {
  SKIP_ON_STOCK("returns success and does nothing (D3)");
  const Domain domain = define_and_start(xml("d3", root_));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(virDomainShutdown(domain)));
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1");
}

TEST_F(Defects, D3_RebootWithoutAnInitctlFallsBackToASignal) {
  SKIP_ON_STOCK("returns success and does nothing (D3)");
  root_.set_init(init::kRecordSignals);
  const Domain domain = define_and_start(xml("d3", root_));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(virDomainReboot(domain, 0)));
  EXPECT_TRUE(root_.wait_for_text("signals", "HUP")) << root_.read("signals");
}

TEST_F(Defects, D3_ExplicitInitctlWithoutAFifoIsAnError) {
  SKIP_ON_STOCK("returns success and does nothing (D3)");
  const Domain domain = define_and_start(xml("d3", root_));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_INITCTL)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, virDomainReboot(domain, VIR_DOMAIN_REBOOT_INITCTL)));
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(Defects, D3_AFifoThatIsALinkToTheHostIsNotWritten) {
  SKIP_ON_STOCK("not looked at");
  // The container offers the host's file as its initctl: the daemon must resolve the name inside, as the container.
  const std::string outside = make_folder("outside") + "/initctl";
  ASSERT_EQ(mkfifo(outside.c_str(), 0600), 0);
  root_.set_init("ln -s " + outside + " /dev/initctl\n" + init::kObedient);
  const Domain domain = define_and_start(xml("d3", root_));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_INITCTL)));
}

TEST_F(Defects, D4_PausedIsStillPausedAfterADaemonRestart) {
  NEEDS_OWN_DAEMON();
  root_.set_init(init::kDeaf);
  Daemon daemon(make_folder("d4"));
  daemon.start();
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainDefineXML(connection, xml("d4", root_).text().c_str()));
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    ASSERT_TRUE(ok(virDomainSuspend(domain)));
  }
  daemon.kill();
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  const Domain domain(virDomainLookupByName(connection, own_name("d4").c_str()));
  ASSERT_TRUE(domain);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_PAUSED);
  EXPECT_TRUE(ok(virDomainDestroy(domain))) << "and can be destroyed as it is";
  EXPECT_TRUE(processes_of(own_name("d4")).empty());
}

TEST_F(Defects, D5_ExactlyOneStoppedEvent) {
  SKIP_ON_STOCK("sometimes sends two (D5)");
  const Domain domain = define(xml("d5", root_));
  std::string expected = "DEFINED/0";
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
    expected += " STARTED/0 STOPPED/1";
  }
  EXPECT_TRUE(events_.drain());
  EXPECT_EQ(story("d5"), expected);
}

TEST_F(Defects, D5_DestroyThatRacesWithTheEndOfInit) {
  SKIP_ON_STOCK("sometimes sends two (D5)");
  const Domain domain = define(xml("d5", root_));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(events_.drain());
    events_.clear();
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    ::kill(init_pid(domain), SIGKILL);
    const bool destroyed = virDomainDestroy(domain) == 0;
    EXPECT_TRUE(destroyed || last_failure().code == VIR_ERR_OPERATION_INVALID) << describe(last_failure());
    EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
    ASSERT_TRUE(events_.drain());
    const std::string seen = story("d5");
    EXPECT_TRUE(seen == "STARTED/0 STOPPED/0" || seen == "STARTED/0 STOPPED/1" || seen == "STARTED/0 STOPPED/2")
        << seen;
  }
}

TEST_F(Defects, D6_GuestRebootKeepsTheLiveDefinition) {
  SKIP_ON_STOCK("takes over the pending definition (D6)");
  root_.set_init(init::kRebootOnGo);
  DomainXml definition = xml("d6", root_);
  definition.uuid = "6ba7b816-9dad-11d1-80b4-00c04fd430c8";
  definition.elements = "  <title>live</title>\n";
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root_.wait_ready());
  definition.elements = "  <title>next</title>\n";
  define(definition);
  root_.write("go", "");
  ASSERT_TRUE(root_.wait_ready()) << "second boot";
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_RUNNING));
  EXPECT_EQ(xpath(dump(domain), "string(/domain/title)"), "live");
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(/domain/title)"), "next");
}

TEST_F(Defects, D6_GuestRebootKeepsAutodestroy) {
  SKIP_ON_STOCK("the registration is lost (D6)");
  root_.set_init(init::kRebootOnGo);
  const Domain domain = define(xml("d6", root_));
  {
    const Connection owner = host().connect();
    const Domain same(virDomainLookupByName(owner, own_name("d6").c_str()));
    ASSERT_TRUE(ok(virDomainCreateWithFlags(same, VIR_DOMAIN_START_AUTODESTROY)));
    ASSERT_TRUE(root_.wait_ready());
    root_.write("go", "");
    ASSERT_TRUE(root_.wait_ready()) << "second boot";
    ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_RUNNING));
  }
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
}

TEST_F(Defects, D8_FailingInitIsACrash) {
  SKIP_ON_STOCK("exit status and signal are ignored (D8)");
  root_.set_init(init::kExitOnGo);
  const Domain domain = define_and_start(xml("d8", root_));
  ASSERT_TRUE(root_.wait_ready());
  root_.write("go", "3");
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/3") << "VIR_DOMAIN_SHUTOFF_CRASHED";
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(story("d8"), "DEFINED/0 STARTED/0 STOPPED/2") << "VIR_DOMAIN_EVENT_STOPPED_CRASHED";
}

TEST_F(Defects, D8_InitKilledBySignalIsACrash) {
  SKIP_ON_STOCK("exit status and signal are ignored (D8)");
  const Domain domain = define_and_start(xml("d8", root_));
  ASSERT_EQ(::kill(init_pid(domain), SIGKILL), 0);
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/3");
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(story("d8"), "DEFINED/0 STARTED/0 STOPPED/2");
}

TEST_F(Defects, D8_InitThatEndsWellIsAShutdown) {
  root_.set_init(init::kExitOnGo);
  const Domain domain = define_and_start(xml("d8", root_));
  ASSERT_TRUE(root_.wait_ready());
  root_.write("go", "0");
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1");
}

TEST_F(Defects, D11_EmptyResourceIsAClearError) {
  SKIP_ON_STOCK("fails with an unknown cause (D11)");
  DomainXml definition = xml("d11");
  definition.elements = "  <resource/>\n";
  const virDomainPtr domain = virDomainDefineXML(connection_, definition.text().c_str());
  if (domain) {
    virDomainFree(domain);  // as good as no element at all
    return;
  }
  EXPECT_NE(last_failure().code, VIR_ERR_INTERNAL_ERROR) << describe(last_failure());
  EXPECT_NE(last_failure().message.find("resource"), std::string::npos) << last_failure().message;
}

TEST_F(Defects, D11_ZeroVcpusIsAClearError) {
  SKIP_ON_STOCK("an unrelated message about NUMA (D11)");
  DomainXml definition = xml("d11");
  definition.elements = "  <vcpu>0</vcpu>\n";
  EXPECT_EQ(virDomainDefineXML(connection_, definition.text().c_str()), nullptr);
  EXPECT_NE(last_failure().message.find("vcpu"), std::string::npos) << last_failure().message;
  EXPECT_EQ(last_failure().message.find("NUMA"), std::string::npos) << last_failure().message;
}

TEST_F(Defects, D12_ProcessThatLeftTheCgroupDiesToo) {
  SKIP_ON_STOCK("it survives, and the domain counts as shut off (D12)");
  root_.set_init(init::kDeaf);
  const Domain domain = define_and_start(xml("d12", root_));
  ASSERT_TRUE(root_.wait_ready());
  const pid_t init = init_pid(domain);
  const auto started = proc_file(init, "stat").substr(0);
  // Every hierarchy's root, and the unified one's.
  for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup")) {
    std::ofstream(hierarchy.path() / "cgroup.procs") << init;
  }
  std::ofstream("/sys/fs/cgroup/cgroup.procs") << init;
  EXPECT_EQ(proc_file(init, "cgroup").find(own_name("d12")), std::string::npos)
      << "it did leave: " << proc_file(init, "cgroup");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(status_value(init, "NSpid").find("\t1"), std::string::npos) << "init still runs";
}

TEST_F(Defects, P1_DestroyIsFast) {
  SKIP_ON_STOCK("1.8 s (P1)");
  root_.set_init(init::kDeaf);
  const Domain domain = define(xml("p1", root_));
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    times.push_back(milliseconds_of([&] { EXPECT_TRUE(ok(virDomainDestroy(domain))); }));
  }
  EXPECT_LT(median(times), scaled_ms(50));
}

TEST_F(Defects, P2_TheEndOfInitIsReportedAtOnce) {
  SKIP_ON_STOCK("0.2 s later (P2)");
  root_.set_init(init::kDeaf);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const std::string word = "p2" + std::to_string(i);
    const Domain domain = create(xml(word, root_));
    const pid_t init = init_pid(domain);
    times.push_back(milliseconds_of([&] {
      ::kill(init, SIGKILL);
      EXPECT_TRUE(events_.wait_for(
          [&](const Event& event) { return event.name == own_name(word) && event.type == VIR_DOMAIN_EVENT_STOPPED; }));
    }));
  }
  EXPECT_LT(median(times), scaled_ms(100));
}

TEST_F(Defects, P3_GuestRebootIsFast) {
  SKIP_ON_STOCK("0.3 s per cycle (P3)");
  // Reboots as long as /go is there.
  root_.set_init(R"(echo boot >> /boots
[ -e /go ] && reboot -n -f
: > /ready
while [ ! -e /go ]; do usleep 2000; done
reboot -n -f
)");
  const Domain domain = create(xml("p3", root_));
  ASSERT_TRUE(root_.wait_ready());
  const auto boots = [&] { return root_.read("boots").size() / 5; };
  const double time = milliseconds_of([&] {
    root_.write("go", "");
    EXPECT_TRUE(eventually([&] { return boots() > 10; }));
  });
  root_.remove("go");
  EXPECT_LT(time / 10, scaled_ms(150));
  EXPECT_TRUE(root_.wait_ready());
}

TEST_F(Defects, P4_FailedStartIsReportedAtOnce) {
  SKIP_ON_STOCK("1.1 to 2.1 s (P4)");
  DomainXml definition = xml("p4", root_);
  definition.init = "/sbin/missing";
  const Domain domain = define(definition);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    times.push_back(milliseconds_of([&] { EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virDomainCreate(domain))); }));
  }
  EXPECT_LT(median(times), scaled_ms(500));
}

TEST_F(Defects, P5_NoCallWaitsForAnotherDomainsStop) {
  SKIP_ON_STOCK("blocked for up to 1.5 s (P5)");
  root_.set_init(init::kDeaf);
  std::atomic<bool> over{false};
  std::thread worker([&] {
    const Connection own = host().connect();
    for (int i = 0; i < 15; ++i) {
      const Domain domain(virDomainCreateXML(own, xml("p5", root_).text().c_str(), 0));
      if (domain) virDomainDestroy(domain);
      DomainXml broken = xml("p5broken", root_);
      broken.init = "/sbin/missing";
      const Domain none(virDomainCreateXML(own, broken.text().c_str(), 0));
    }
    over = true;
  });
  double worst = 0;
  int calls = 0;
  while (!over) {
    worst = std::max(worst, milliseconds_of([&] {
                       EXPECT_GE(virConnectNumOfDomains(connection_), 0);
                       EXPECT_GE(virConnectListAllDomains(connection_, nullptr, 0), 0);
                     }));
    ++calls;
  }
  worker.join();
  EXPECT_GT(calls, 10);
  EXPECT_LT(worst, scaled_ms(200));
}

TEST_F(Defects, L1_NoVethStaysAfterAFailedStart) {
  SKIP_ON_STOCK("the pair stays (L1)");
  const auto before = automatic_links();
  DomainXml definition = xml("l1", root_);
  definition.private_network = false;
  definition.devices = bridge_interface("lxs-nobridge");
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, virDomainCreateXML(connection_, definition.text().c_str(), 0)));
  EXPECT_EQ(wait_for_no_new_links(before), std::vector<std::string>{});
}

TEST_F(Defects, L2_NoCgroupStaysAfterDestroyOfAPausedDomain) {
  SKIP_ON_STOCK("directories stay (L2)");
  const Domain domain = create(xml("l2", root_));
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(cgroups_of(own_name("l2")), std::vector<std::string>{}) << "gone when the call returns";
}

TEST_F(Defects, L3_NoStateFilesStay) {
  NEEDS_OWN_DAEMON();
  const Domain domain = define_and_start(xml("l3", root_));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  for (const auto& entry : fs::recursive_directory_iterator(host().daemon()->root() + "/run")) {
    EXPECT_EQ(entry.path().filename().string().find(own_name("l3")), std::string::npos) << entry.path();
  }
}

TEST_F(Defects, L4_NoOldRootStays) {
  SKIP_ON_STOCK(".oldroot stays in the container's root (L4)");
  const Domain domain = define_and_start(xml("l4", root_));
  EXPECT_FALSE(root_.has(".oldroot"));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_FALSE(root_.has(".oldroot"));
}

TEST_F(Defects, L5_MissingRootIsNotMade) {
  SKIP_ON_STOCK("it is made on the host, with proc, sys and dev inside (L5)");
  DomainXml definition = xml("l5");
  definition.root = scratch() + "/l5-root";
  EXPECT_EQ(virDomainCreateXML(connection_, definition.text().c_str(), 0), nullptr);
  EXPECT_NE(last_failure().message.find(definition.root), std::string::npos) << last_failure().message;
  EXPECT_FALSE(exists(definition.root));
}

TEST_F(Defects, L6_MountPointsAreNotLeftInTheImage) {
  SKIP_ON_STOCK("made in the image, and stay (L6)");
  std::vector<std::string> before;
  const auto names = [&] {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(root_.path())) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  };
  before = names();
  DomainXml definition = xml("l6", root_);
  definition.init = "/bin/sleep";
  definition.arguments = {"100000"};
  definition.devices = mount_filesystem(make_folder("shared"), "/added/by/the/mount");
  const Domain domain = create(definition);
  EXPECT_EQ(enter(domain, {"/bin/test", "-d", "/added/by/the/mount"}).status, 0);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(names(), before);
}

}  // namespace
