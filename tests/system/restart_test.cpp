// A daemon that stops, crashes or starts twice: containers never notice, and nothing is forgotten (design: state that
// survives).
#include <signal.h>
#include <sys/mount.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "support/own_daemon.hpp"
#include "support/perf.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

/// A daemon of its own for each test, so that the one of the other tests is never disturbed.
class RestartTest : public OwnDaemonTest {
 protected:
  RestartTest() : OwnDaemonTest("restart-") {}
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    begin();
  }

  DomainXml xml(const std::string& word) const {
    DomainXml definition;
    definition.name = own_name("restart-" + word);
    definition.root = root_.path();
    return definition;
  }
  Domain find(const std::string& word) const {
    return Domain(virDomainLookupByName(connection_, own_name("restart-" + word).c_str()));
  }
  Domain start(const std::string& word) {
    Domain domain(virDomainDefineXML(connection_, xml(word).text().c_str()));
    EXPECT_TRUE(domain && ok(virDomainCreate(domain))) << describe(last_failure());
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }

  Rootfs root_;
};

/// As a daemon leaves it that ended between making a link and writing its name down.
TEST_F(RestartTest, AnInterfaceThatWasNotFinishedIsTakenAway) {
  const Bridge bridge;
  {
    const Domain domain = start("half");
    for (const char* mac : {"52:54:00:5c:00:01", "52:54:00:5c:00:02"})
      ASSERT_TRUE(ok(virDomainAttachDevice(domain, bridge_interface(bridge.name(), mac).c_str())));
    ASSERT_EQ(bridge.ports().size(), 2U);
  }
  connection_.reset();
  daemon_->kill();
  const std::string file = daemon_->state_folder() + "/" + own_name("restart-half") + ".status";
  std::string text = read_text(file);
  const std::string actual = "<guest actual='eth1'/>";
  ASSERT_NE(text.find(actual), std::string::npos) << text;
  write_text(file, text.erase(text.find(actual), actual.size()));
  daemon_->start();
  connect();
  const Domain domain = find("half");
  EXPECT_EQ(xpath(dump(domain), "count(//interface)"), "1");
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "eth0\nlo\n");
  EXPECT_TRUE(eventually([&] { return bridge.ports().size() == 1; }));
}

TEST_F(RestartTest, ALaterDaemonDetachesWhatAnEarlierHasMounted) {
  const std::string source = make_folder("given");
  {
    const Domain domain = start("mount");
    ASSERT_TRUE(ok(virDomainAttachDevice(domain, mount_filesystem(source, "/new/data").c_str())));
    ASSERT_TRUE(ok(virDomainAttachDevice(domain, mount_filesystem(source, "/new/more").c_str())));
  }
  crash_and_restart();
  const Domain domain = find("mount");
  EXPECT_EQ(xpath(dump(domain), "count(//filesystem)"), "3");
  ASSERT_TRUE(ok(virDomainDetachDevice(domain, mount_filesystem(source, "/new/data").c_str())));
  EXPECT_EQ(enter_shell(domain, "grep -c ' /new/' /proc/self/mountinfo").text, "1\n");
  EXPECT_FALSE(root_.has("new/data"));
  EXPECT_TRUE(root_.has("new/more"));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_FALSE(root_.has("new")) << "both daemons' mount points";
}

TEST_F(RestartTest, KillsDuringHotPlugLeaveNoUnknownLink) {
  const Bridge bridge;
  start("plug");
  for (int round = 0; round < 8; ++round) {
    std::atomic<int> attached = 0;
    std::thread plugging([&] {
      const Connection own(virConnectOpen(daemon_->uri().c_str()));
      const Domain domain(virDomainLookupByName(own, own_name("restart-plug").c_str()));
      const std::string xml = bridge_interface(bridge.name(), "52:54:00:5c:01:01");
      while (virDomainAttachDevice(domain, xml.c_str()) == 0) {
        ++attached;
        if (virDomainDetachDevice(domain, xml.c_str()) != 0) break;
      }
    });
    EXPECT_TRUE(eventually([&] { return attached > round; }));
    connection_.reset();
    daemon_->kill();
    plugging.join();
    daemon_->start();
    connect();
    const Domain domain = find("plug");
    const std::string known = xpath(dump(domain), "count(//interface)");
    EXPECT_TRUE(eventually([&] { return std::to_string(bridge.ports().size()) == known; })) << known;
    EXPECT_EQ(enter_shell(domain, "ls /sys/class/net | grep -vx lo | wc -l").text, known + "\n");
    const std::string xml = bridge_interface(bridge.name(), "52:54:00:5c:01:01");
    if (known != "0") {
      ASSERT_TRUE(ok(virDomainDetachDevice(domain, xml.c_str())));
    }
  }
}

TEST_F(RestartTest, ALaterDaemonThawsWhatAnEarlierHasFrozen) {
  if (!fs::exists("/dev/loop-control")) GTEST_SKIP() << "no loop devices here";
  const std::string image = make_folder("own") + "/image";
  if (run({"mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", image, "16M"}).status != 0)
    GTEST_SKIP() << "no mke2fs here";
  DomainXml definition = xml("own");
  definition.devices = "<filesystem type='file'><driver type='loop' format='raw'/><source file='" + image +
                       "'/><target dir='/own'/></filesystem>";
  const auto status = [&] { return read_text(daemon_->state_folder() + "/" + definition.name + ".status"); };
  {
    const Domain domain(virDomainDefineXML(connection_, definition.text().c_str()));
    ASSERT_TRUE(domain && ok(virDomainCreate(domain))) << describe(last_failure());
    ASSERT_TRUE(root_.wait_ready());
    EXPECT_NE(status().find("\nfroze=0\n"), std::string::npos) << "nobody need look";
    ASSERT_EQ(virDomainFSFreeze(domain, nullptr, 0, 0), 1) << describe(last_failure());
    EXPECT_NE(status().find("\nfroze=1\n"), std::string::npos);
    ASSERT_TRUE(ok(virDomainSetMemoryFlags(domain, 40000, VIR_DOMAIN_AFFECT_LIVE)));
  }
  crash_and_restart();
  {
    const Domain domain = find("own");
    EXPECT_EQ(virDomainFSThaw(domain, nullptr, 0, 0), 0) << "it was thawed when the container was found";
    ASSERT_EQ(virDomainFSFreeze(domain, nullptr, 0, 0), 1);
  }
  // A daemon before this one did not write down whether it had frozen any.
  connection_.reset();
  daemon_->kill();
  const std::string text = status();
  const std::string line = "froze=1\n";
  ASSERT_NE(text.find(line), std::string::npos) << text;
  write_text(daemon_->state_folder() + "/" + definition.name + ".status",
             std::string(text).erase(text.find(line), line.size()));
  daemon_->start();
  connect();
  EXPECT_EQ(virDomainFSThaw(find("own"), nullptr, 0, 0), 0);
}

TEST_F(RestartTest, LiveTuningSurvivesACrash) {
  {
    const Domain domain = start("tuned");
    ASSERT_TRUE(ok(virDomainSetMemoryFlags(domain, 40000, VIR_DOMAIN_AFFECT_LIVE)));
  }
  crash_and_restart();
  const Domain domain = find("tuned");
  EXPECT_EQ(xpath(dump(domain), "string(//currentMemory)"), "40000");
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(//currentMemory)"), "65536");
  EXPECT_EQ(control_file(domain, "memory/memory.limit_in_bytes", "memory.max"), "40960000\n");
}

TEST_F(RestartTest, RunningContainerSurvivesACrash) {
  const int id = id_of(start("run"));
  const pid_t init = init_pid(find("run"));
  crash_and_restart();
  const Domain domain = find("run");
  ASSERT_TRUE(domain);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
  EXPECT_EQ(id_of(domain), id);
  EXPECT_EQ(init_pid(domain), init);
  EXPECT_EQ(virDomainIsPersistent(domain), 1);
  EventCollector events(connection_);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(events.wait_for_story(own_name("restart-run"), "STOPPED/1"));
  EXPECT_TRUE(ok(virDomainCreate(domain)));
}

TEST_F(RestartTest, OrderlyStopLeavesContainersRunning) {
  const int id = id_of(start("run"));
  connection_.reset();
  EXPECT_EQ(daemon_->stop(), 0);
  EXPECT_FALSE(exists(daemon_->socket()));
  EXPECT_FALSE(processes_of(own_name("restart-run")).empty());
  daemon_->start();
  connect();
  EXPECT_EQ(id_of(find("run")), id);
}

TEST_F(RestartTest, ConsoleGoesOnWithWhatWasWrittenMeanwhile) {
  root_.set_init(R"(stty -echo
trap 'exit 0' TERM
echo hello from init
: > /ready
while [ ! -e /go ]; do usleep 5000; done
echo said while nobody listened
: > /said
while read -r line; do echo "echo: $line"; done
sleep 100000
)");
  start("console");
  {
    const auto before = Console::open(find("console"));
    ASSERT_TRUE(before);
    ASSERT_TRUE(before->wait_for("hello from init"));
  }
  connection_.reset();
  daemon_->kill();
  root_.write("go", "");
  ASSERT_TRUE(root_.wait_for("said"));
  daemon_->start();
  connect();
  const auto console = Console::open(find("console"));
  ASSERT_TRUE(console);
  EXPECT_TRUE(console->wait_for("said while nobody listened")) << console->text();
  console->type("again\n");
  EXPECT_TRUE(console->wait_for("echo: again")) << console->text();
}

TEST_F(RestartTest, PausedStaysPausedAndCanBeResumed) {
  ASSERT_TRUE(ok(virDomainSuspend(start("paused"))));
  crash_and_restart();
  const Domain domain = find("paused");
  ASSERT_EQ(state_of(domain), VIR_DOMAIN_PAUSED);
  EXPECT_TRUE(is_frozen(domain));
  ASSERT_TRUE(ok(virDomainResume(domain)));
  EXPECT_FALSE(is_frozen(domain)) << "and not by the name alone";
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(RestartTest, InitThatEndedMeanwhile) {
  root_.set_init(init::kExitOnGo);
  start("ended");
  connection_.reset();
  daemon_->kill();
  root_.write("go", "0");
  EXPECT_TRUE(eventually([&] { return !root_.has("go"); }));
  daemon_->start();
  connect();
  const Domain domain = find("ended");
  ASSERT_TRUE(domain);
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/1") << "the exit status was kept: it ended well";
  EXPECT_TRUE(ok(virDomainCreate(domain)));
}

TEST_F(RestartTest, TransientThatEndedMeanwhileIsGone) {
  root_.set_init(init::kExitOnGo);
  {
    const Domain domain(virDomainCreateXML(connection_, xml("ended").text().c_str(), 0));
    ASSERT_TRUE(domain) << describe(last_failure());
  }
  ASSERT_TRUE(root_.wait_ready());
  connection_.reset();
  daemon_->kill();
  root_.write("go", "0");
  EXPECT_TRUE(eventually([&] { return !root_.has("go"); }));
  daemon_->start();
  connect();
  EXPECT_TRUE(eventually([&] { return !find("ended"); }));
}

TEST_F(RestartTest, TransientStaysTransient) {
  {
    const Domain domain(virDomainCreateXML(connection_, xml("transient").text().c_str(), 0));
    ASSERT_TRUE(domain) << describe(last_failure());
  }
  crash_and_restart();
  const Domain domain = find("transient");
  ASSERT_TRUE(domain);
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_FALSE(find("transient"));
}

TEST_F(RestartTest, UndefinedWhileRunningStaysSo) {
  ASSERT_TRUE(ok(virDomainUndefine(start("undefined"))));
  crash_and_restart();
  const Domain domain = find("undefined");
  ASSERT_TRUE(domain);
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(RestartTest, LiveAndNextBootDefinitionStayApart) {
  DomainXml definition = xml("two");
  definition.uuid = "6ba7b815-9dad-11d1-80b4-00c04fd430c8";
  definition.elements = "  <title>live</title>\n";
  {
    const Domain domain(virDomainDefineXML(connection_, definition.text().c_str()));
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    definition.elements = "  <title>next</title>\n";
    const Domain again(virDomainDefineXML(connection_, definition.text().c_str()));
    ASSERT_TRUE(again);
  }
  crash_and_restart();
  const Domain domain = find("two");
  EXPECT_EQ(xpath(dump(domain), "string(/domain/title)"), "live");
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(/domain/title)"), "next");
}

TEST_F(RestartTest, DefinitionsSurviveWithEveryOddCharacter) {
  DomainXml definition = xml("odd");
  definition.elements = "  <title>a &amp; b &lt; c &gt; &apos;d&apos; &quot;e&quot; \xc3\xa9</title>\n";
  definition.os = "    <initenv name='A'>x &amp; &lt;y&gt;</initenv>\n    <inituser>a&amp;b</inituser>\n";
  std::string before;
  {
    const Domain domain(virDomainDefineXML(connection_, definition.text().c_str()));
    ASSERT_TRUE(domain) << describe(last_failure());
    before = dump(domain);
  }
  crash_and_restart();
  ASSERT_TRUE(find("odd"));
  EXPECT_EQ(dump(find("odd")), before);
}

TEST_F(RestartTest, BrokenDefinitionOnDiskHidesOnlyItself) {
  { const Domain domain(virDomainDefineXML(connection_, xml("good").text().c_str())); }
  connection_.reset();
  daemon_->kill();
  write_text(daemon_->config_folder() + "/" + own_name("restart-broken") + ".xml", "<domain type='lxc'><name>");
  daemon_->start();
  connect();
  EXPECT_TRUE(find("good"));
  EXPECT_FALSE(find("broken"));
  fs::remove(daemon_->config_folder() + "/" + own_name("restart-broken") + ".xml.damaged");
}

TEST_F(RestartTest, KilledRightAfterDefineAndUndefine) {
  constexpr int kClients = 4, kEach = 5;
  const auto word = [](int client, int k) { return "kill" + std::to_string(client) + "-" + std::to_string(k); };
  for (int round = 0; round < 8; ++round) {
    // Every second round each client undefines what the round before left, and defines it anew except the last.
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client)
      clients.emplace_back([&, client] {
        const Connection own(virConnectOpen(daemon_->uri().c_str()));
        for (int k = 0; k < kEach; ++k) {
          const Domain old(virDomainLookupByName(own, own_name("restart-" + word(client, k)).c_str()));
          EXPECT_EQ(static_cast<bool>(old), round > 0 && (round % 2 == 1 || k < kEach - 1)) << round << " " << k;
          EXPECT_TRUE(!old || ok(virDomainUndefine(old)));
          if (round % 2 == 1 && k == kEach - 1) continue;
          EXPECT_TRUE(Domain(virDomainDefineXML(own, xml(word(client, k)).text().c_str())));
        }
      });
    for (auto& client : clients) client.join();
    crash_and_restart();
    for (int client = 0; client < kClients; ++client)
      for (int k = 0; k < kEach; ++k)
        EXPECT_EQ(static_cast<bool>(find(word(client, k))), round % 2 == 0 || k < kEach - 1) << round << " " << k;
  }
}

TEST_F(RestartTest, KilledAtAnyInstantOfAStart) {
  for (int round = 0; round < 6; ++round) {
    const std::string word = "instant" + std::to_string(round);
    const Domain domain(virDomainDefineXML(connection_, xml(word).text().c_str()));
    ASSERT_TRUE(domain);
    std::thread starter([&] { virDomainCreate(domain); });
    // The delay is what is varied, nothing is waited for.
    std::this_thread::sleep_for(std::chrono::microseconds(700 * round));
    daemon_->kill();
    starter.join();
    daemon_->start();
    const Connection fresh(virConnectOpen(daemon_->uri().c_str()));
    const Domain same(virDomainLookupByName(fresh, own_name("restart-" + word).c_str()));
    ASSERT_TRUE(same) << "round " << round;
    // Either it runs wholly or not at all.
    if (state_of(same) == VIR_DOMAIN_RUNNING) {
      EXPECT_GT(init_pid(same), 0);
      EXPECT_TRUE(ok(virDomainDestroy(same)));
    }
    EXPECT_EQ(wait_for_no_traces(own_name("restart-" + word), daemon_->state_folder()), std::vector<std::string>{})
        << "round " << round;
    EXPECT_TRUE(ok(virDomainCreate(same))) << "round " << round << ": it can be started now";
    EXPECT_TRUE(ok(virDomainDestroy(same)));
    EXPECT_TRUE(ok(virDomainUndefine(same)));
    connection_ = Connection(virConnectOpen(daemon_->uri().c_str()));
  }
}

TEST_F(RestartTest, OwnViewNeedsNoDaemon) {
  if (exists("/var/lib/lxcfs/proc/meminfo")) GTEST_SKIP() << "this host has lxcfs";
  const Domain domain = start("view");
  const std::string path = "/proc/" + std::to_string(init_pid(domain)) + "/root/proc/meminfo";
  connection_.reset();
  daemon_->kill();
  EXPECT_NE(read_text(path).find("MemTotal:          65536 kB\n"), std::string::npos) << read_text(path);
  daemon_->start();
  connect();
}

TEST_F(RestartTest, OutOfMemoryIsToldAfterAdoption) {
  root_.set_init(
      "trap 'exit 0' TERM\n: > /ready\nwhile [ ! -e /go ]; do usleep 5000; done\n"
      "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null\n: > /killed\nsleep 100000\n");
  start("oom");
  crash_and_restart();
  const std::string line = "domain '" + own_name("restart-oom") + "' ran out of memory: 1 process was killed";
  root_.write("go", "");
  ASSERT_TRUE(root_.wait_for("killed"));
  EXPECT_TRUE(eventually([&] { return daemon_->output().find(line) != std::string::npos; })) << daemon_->output();
  EXPECT_EQ(state_of(find("oom")), VIR_DOMAIN_RUNNING);
}

TEST_F(RestartTest, PerfEventsAreCountedOn) {
  if (!exists("/proc/sys/kernel/perf_event_paranoid")) GTEST_SKIP() << "this kernel has no perf events";
  root_.set_init(": > /ready\nwhile [ ! -e /go ]; do usleep 5000; done\nwhile :; do /bin/busybox true; done\n");
  ASSERT_TRUE(ok(set_perf_events(start("perf"), {{"page_faults", true}}, VIR_DOMAIN_AFFECT_LIVE)));
  crash_and_restart();
  const Domain domain = find("perf");
  EXPECT_EQ(perf_events(domain), std::set<std::string>({"page_faults"}));
  root_.write("go", "");
  EXPECT_TRUE(eventually([&] { return perf_counts(domain)["page_faults"] > 0; }));
}

TEST_F(RestartTest, FullDiskLeavesThePreviousDefinition) {
  const Domain domain(virDomainDefineXML(connection_, xml("disk").text().c_str()));
  ASSERT_TRUE(domain);
  const std::string before = dump(domain);
  connection_.reset();
  daemon_->stop();
  // A tiny file system for the definitions, with the old ones on it.
  const std::string folder = daemon_->config_folder();
  const std::string aside = daemon_->root() + "/aside";
  fs::rename(folder, aside);
  fs::create_directory(folder);
  ASSERT_EQ(mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k"), 0);
  fs::copy(aside, folder, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  daemon_->start();
  connect();
  DomainXml big = xml("disk");
  big.uuid = uuid_of(find("disk"));
  big.elements = "  <description>" + std::string(200000, 'd') + "</description>\n";
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, virDomainDefineXML(connection_, big.text().c_str())));
  EXPECT_EQ(dump(find("disk")), before);
  DomainXml other = xml("other");
  other.elements = big.elements;
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, virDomainDefineXML(connection_, other.text().c_str())));
  EXPECT_FALSE(find("other"));

  // The same when the folder cannot be written at all.
  ASSERT_EQ(mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  DomainXml small = xml("disk");
  small.uuid = big.uuid;
  small.elements = "  <title>new</title>\n";
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, virDomainDefineXML(connection_, small.text().c_str())));
  EXPECT_EQ(dump(find("disk")), before);
  ASSERT_EQ(mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
  crash_and_restart();
  EXPECT_EQ(dump(find("disk")), before) << "on disk too";
  connection_.reset();
  daemon_->destroy_domains();
  daemon_->stop();
  umount2(folder.c_str(), MNT_DETACH);
}

}  // namespace
