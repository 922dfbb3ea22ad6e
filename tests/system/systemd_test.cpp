// Where systemd is pid 1: containers live in scopes it delegates, one per partition, and nothing it does to its own
// units changes them.
#include <regex>
#include <thread>

#include "support/bus_proxy.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

class SystemdTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!exists("/run/systemd/system")) GTEST_SKIP() << "systemd is not pid 1";
    SKIP_ON_STOCK("a scope per container");
    NEEDS_OWN_DAEMON();
  }
  void TearDown() override {
    SystemTest::TearDown();
    // Slices stay, as an administrator may have given them properties.
    run({"systemctl", "stop", std::string("machine-") + kWord + ".slice"});
  }

  /// A partition that only these tests use, and its part of units' names.
  static constexpr const char* kPartition = "/machine/lxcell-test";
  static constexpr const char* kWord = "lxcell\\x2dtest";
  static constexpr const char* kScope = "machine-lxcell\\x2dtest-lxcell.scope";
};

DomainXml in_partition(DomainXml definition, const std::string& partition) {
  definition.elements += "  <resource><partition>" + partition + "</partition></resource>\n";
  return definition;
}

/// init's cgroup as systemd knows it: in its own hierarchy on a hybrid host, else in v2.
std::string cgroup_of(virDomainPtr domain) {
  const std::string text = proc_file(init_pid(domain), "cgroup");
  std::smatch found;
  if (!std::regex_search(text, found, std::regex("name=systemd:(.*)")))
    std::regex_search(text, found, std::regex("(?:^|\n)0::(.*)"));
  return found.size() > 1 ? found[1].str() : text;
}

/// The part of it that is the scope.
std::string scope_of(virDomainPtr domain) {
  const std::string path = cgroup_of(domain);
  const auto end = path.find(".scope/");
  return end == std::string::npos ? path : path.substr(0, end + 6);
}

std::string unit_of(virDomainPtr domain) {
  const std::string path = scope_of(domain);
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.starts_with('_') ? name.substr(1) : name;  // which only keeps the directory apart from kernel files
}

std::string property(const std::string& unit, const std::string& name) {
  const std::string text = run({"systemctl", "show", "--property=" + name, "--value", "--", unit}).text;
  return text.substr(0, text.find('\n'));
}

bool is_gone(const std::string& unit) {
  return property(unit, "LoadState") == "not-found" && property(unit, "ActiveState") == "inactive";
}

TEST_F(SystemdTest, DefaultPartitionIsMachine) {
  const Rootfs root;
  const Domain domain = create(xml("scope", root));
  EXPECT_EQ(scope_of(domain), "/machine.slice/machine-lxcell.scope");
  EXPECT_EQ(property("machine-lxcell.scope", "Delegate"), "yes");
  EXPECT_EQ(property("machine-lxcell.scope", "Slice"), "machine.slice");
  EXPECT_EQ(property("machine-lxcell.scope", "TasksMax"), "infinity");
}

TEST_F(SystemdTest, EachPartitionIsASliceWithAScope) {
  const Rootfs root;
  const Domain domain = create(in_partition(xml("scope", root), kPartition + std::string("/web")));
  const std::string outer = std::string("machine-") + kWord;
  const std::string slice = outer + "-web.slice";
  const std::string scope = outer + "-web-lxcell.scope";
  EXPECT_EQ(scope_of(domain), "/machine.slice/" + outer + ".slice/" + slice + "/" + scope);
  EXPECT_EQ(property(scope, "Slice"), slice);
  EXPECT_EQ(property(scope, "ControlGroup"), scope_of(domain));
}

TEST_F(SystemdTest, PartitionsNamedLikeKernelFiles) {
  const Rootfs root;
  for (const char* partition : {"/memory", "/_lxcell", "/cpu/memory"}) {
    const Domain domain = create(in_partition(xml("scope", root), partition));
    EXPECT_EQ(property(unit_of(domain), "ControlGroup"), scope_of(domain)) << partition;
    EXPECT_TRUE(ok(virDomainDestroy(domain)));
  }
  run({"systemctl", "stop", "memory.slice", "_lxcell.slice", "cpu.slice"});
}

TEST_F(SystemdTest, TheScopeGoesAfterTheLastContainer) {
  const Rootfs root;
  const Domain first = create(in_partition(xml("first", root), kPartition));
  const Domain second = create(in_partition(xml("second", root), kPartition));
  EXPECT_EQ(scope_of(first), scope_of(second)) << "one for both";
  ASSERT_TRUE(ok(virDomainDestroy(first)));
  EXPECT_EQ(property(kScope, "ActiveState"), "active");
  ASSERT_TRUE(ok(virDomainDestroy(second)));
  EXPECT_TRUE(eventually([&] { return is_gone(kScope); })) << run({"systemctl", "status", kScope}).text;
  EXPECT_TRUE(eventually([&] { return cgroups_of(kScope).empty(); })) << cgroups_of(kScope)[0];
}

TEST_F(SystemdTest, LimitsSurviveDaemonReload) {
  const Rootfs root;
  DomainXml definition = in_partition(xml("reload", root), kPartition);
  definition.memory_kib = 48 * 1024;
  definition.elements += "  <cputune><shares>2048</shares><period>50000</period><quota>25000</quota></cputune>\n";
  const Domain domain = create(definition);
  const auto limits = [&] {
    return control_file(domain, "memory/memory.limit_in_bytes", "memory.max") +
           control_file(domain, "cpu/cpu.cfs_quota_us", "cpu.max") +
           control_file(domain, "cpu/cpu.shares", "cpu.weight") + control_file(domain, "pids/pids.max", "pids.max");
  };
  const std::string before = limits();
  EXPECT_NE(before.find(std::to_string(48 * 1024 * 1024)), std::string::npos) << before;
  EXPECT_NE(before.find("25000"), std::string::npos) << before;
  const std::string place = cgroup_of(domain);
  for (const char* what : {"daemon-reload", "daemon-reexec"}) {
    ASSERT_EQ(run({"systemctl", what}).status, 0) << what;
    EXPECT_EQ(limits(), before) << what;
    EXPECT_EQ(cgroup_of(domain), place) << what;
  }
  // systemd now computes anew which controllers the slice passes on.
  ASSERT_EQ(run({"systemctl", "set-property", "--runtime", std::string("machine-") + kWord + ".slice", "CPUWeight=200"})
                .status,
            0);
  EXPECT_EQ(limits(), before);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(SystemdTest, AScopeThatWasStoppedIsMadeAgain) {
  const Rootfs root;
  const Domain domain = define(in_partition(xml("stopped", root), kPartition));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    EXPECT_EQ(property(kScope, "ControlGroup"), scope_of(domain));
    // It fails where the daemon removes the cgroups of the first that it has killed while it still looks for others.
    const Output killed = run({"systemctl", "kill", "--signal=KILL", "--", kScope});
    ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF)) << killed.text;
  }
}

TEST_F(SystemdTest, ContainersSurviveTheServicesRestart) {
  const Rootfs root;
  const Daemon place(make_folder("service"));
  const std::string unit = own_name("service") + ".service";
  const auto start = [&] {
    const Output started =
        run({"systemd-run", "--quiet", "--collect", "--unit=" + unit, Daemon::program(), "--root", place.root()});
    ASSERT_EQ(started.status, 0) << started.text;
    ASSERT_TRUE(eventually([&] { return exists(place.socket()) && Connection(virConnectOpen(place.uri().c_str())); }));
  };
  start();
  int id = 0;
  pid_t init = 0;
  {
    const Connection connection(virConnectOpen(place.uri().c_str()));
    const Domain domain(virDomainCreateXML(connection, xml("survivor", root).text().c_str(), 0));
    ASSERT_TRUE(domain) << describe(last_failure());
    id = id_of(domain);
    init = init_pid(domain);
  }
  ASSERT_EQ(run({"systemctl", "stop", "--", unit}).status, 0);
  EXPECT_TRUE(eventually([&] { return is_gone(unit); }));
  EXPECT_TRUE(exists("/proc/" + std::to_string(init) + "/ns"));
  start();
  const Connection connection(virConnectOpen(place.uri().c_str()));
  const Domain domain(virDomainLookupByName(connection, own_name("survivor").c_str()));
  ASSERT_TRUE(domain) << describe(last_failure());
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
  EXPECT_EQ(id_of(domain), id);
  EXPECT_EQ(init_pid(domain), init);
  EXPECT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(run({"systemctl", "stop", "--", unit}).status, 0);
}

// systemd removes a scope as soon as it is empty. Here it becomes so while the next container is being made in it: the
// restarted daemon keeps no scope for one it found again.
TEST_F(SystemdTest, AStartDoesNotMindTheScopesEnd) {
  const Rootfs root, other_root;
  Daemon daemon(make_folder("race"));
  const std::string leaving = in_partition(xml("leaving", root), kPartition);
  const std::string coming = in_partition(xml("coming", other_root), kPartition);
  for (int round = 0; round < 6; ++round) {
    daemon.start();
    {
      const Connection connection(virConnectOpen(daemon.uri().c_str()));
      const Domain domain(virDomainCreateXML(connection, leaving.c_str(), 0));
      ASSERT_TRUE(domain) << describe(last_failure());
    }
    daemon.kill();
    daemon.start();
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain old(virDomainLookupByName(connection, own_name("leaving").c_str()));
    ASSERT_TRUE(old) << describe(last_failure());
    std::thread end([&] { virDomainDestroy(old); });
    const Domain fresh(virDomainCreateXML(connection, coming.c_str(), 0));
    const std::string failure = fresh ? "" : describe(last_failure());
    end.join();
    ASSERT_TRUE(fresh) << "round " << round << ": " << failure;
    EXPECT_EQ(property(unit_of(fresh), "ActiveState"), "active") << "round " << round;
    EXPECT_EQ(property(unit_of(fresh), "ControlGroup"), scope_of(fresh)) << "round " << round;
    ASSERT_TRUE(ok(virDomainDestroy(fresh)));
    daemon.kill();
  }
}

/// The message bus goes away in the middle of each call by which a scope is made: that start says so and leaves
/// nothing, and the next one is as if nothing had been.
TEST_F(SystemdTest, ABusThatGoesAwayMidCallFailsThatStartAlone) {
  const Rootfs root, other_root;
  BusProxy bus;
  Daemon daemon(make_folder("bus-lost"), {}, bus.entrance());
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  const Domain beside(virDomainCreateXML(connection, xml("beside", other_root).text().c_str(), 0));
  ASSERT_TRUE(beside) << describe(last_failure());
  const std::string definition = in_partition(xml("bus", root), kPartition);
  for (const char* method : {"Hello", "Subscribe", "StartTransientUnit", "AttachProcessesToUnit"}) {
    bus.cut_at(method);
    const Domain refused(virDomainCreateXML(connection, definition.c_str(), 0));
    const Failure why = last_failure();
    EXPECT_TRUE(bus.was_cut()) << method;
    EXPECT_FALSE(refused) << method;
    EXPECT_EQ(why.code, VIR_ERR_SYSTEM_ERROR) << method << ": " << why.message;
    EXPECT_NE(why.message.find(std::string("cannot make systemd scope '") + kScope), std::string::npos) << why.message;
    EXPECT_EQ(state_of(beside), VIR_DOMAIN_RUNNING) << method;
    EXPECT_TRUE(eventually([&] { return is_gone(kScope); })) << method << run({"systemctl", "status", kScope}).text;
    const Domain next(virDomainCreateXML(connection, definition.c_str(), 0));
    ASSERT_TRUE(next) << "after " << method << ": " << describe(last_failure());
    EXPECT_EQ(property(kScope, "ControlGroup"), scope_of(next)) << method;
    ASSERT_TRUE(ok(virDomainDestroy(next)));
    // Its keeper lingers, and would spare the next start the calls.
    EXPECT_TRUE(eventually([&] { return is_gone(kScope); })) << method;
    EXPECT_TRUE(eventually([&] { return cgroups_of(kScope).empty(); })) << method << cgroups_of(kScope)[0];
  }
  EXPECT_TRUE(ok(virDomainDestroy(beside)));
}

}  // namespace
