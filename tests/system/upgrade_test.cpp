// Daemons of different builds on one root, and state files that are not what they should be: containers are taken over
// or left alone, never harmed, and whatever can be loaded is.
#include <filesystem>
#include <memory>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

class UpgradeTest : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    daemon_ = std::make_unique<Daemon>(make_folder("upgrade"));
    daemon_->start();
    connect();
  }
  void TearDown() override {
    if (!daemon_) return;
    connection_.reset();
    daemon_->destroy_domains();
    for (const auto& left : wait_for_no_traces(own_name("upgrade-"), daemon_->state_folder()))
      ADD_FAILURE() << "left: " << left;
    EXPECT_EQ(daemon_->stop(), 0);
  }

  void connect() {
    connection_ = Connection(virConnectOpen(daemon_->uri().c_str()));
    ASSERT_TRUE(connection_) << describe(last_failure());
  }
  void stop() {
    connection_.reset();
    EXPECT_EQ(daemon_->stop(), 0);
  }
  void start() {
    daemon_->start();
    connect();
  }
  /// An orderly restart as another build.
  void become(const std::string& program) {
    stop();
    daemon_->use(program);
    start();
  }
  DomainXml xml(const std::string& word) const {
    DomainXml definition;
    definition.name = own_name("upgrade-" + word);
    definition.root = root_.path();
    return definition;
  }
  Domain run(const std::string& word) {
    Domain domain(virDomainDefineXML(connection_, xml(word).text().c_str()));
    EXPECT_TRUE(domain && ok(virDomainCreate(domain))) << describe(last_failure());
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  Domain find(const std::string& word) const {
    return Domain(virDomainLookupByName(connection_, own_name("upgrade-" + word).c_str()));
  }
  std::string status_file(const std::string& word) const {
    return daemon_->state_folder() + "/" + own_name("upgrade-" + word) + ".status";
  }
  std::string definition_file(const std::string& word) const {
    return daemon_->config_folder() + "/" + own_name("upgrade-" + word) + ".xml";
  }
  bool logged(const std::string& text) const { return daemon_->output().find(text) != std::string::npos; }

  Rootfs root_{init::kEcho};
  std::unique_ptr<Daemon> daemon_;
  Connection connection_;
};

TEST_F(UpgradeTest, ANewerDaemonTakesOverWhatAnOlderSupervisorKeeps) {
  const int id = id_of(run("old"));
  become(LXCELL_NEXT_DAEMON);
  const Domain domain = find("old");
  ASSERT_EQ(state_of(domain), VIR_DOMAIN_RUNNING) << daemon_->output();
  EXPECT_EQ(id_of(domain), id);
  {
    const auto console = Console::open(domain);
    ASSERT_TRUE(console);
    console->type("over\n");
    EXPECT_TRUE(console->wait_for("echo: over")) << console->text();
  }
  virDomainInfo info;
  EXPECT_TRUE(ok(virDomainGetInfo(domain, &info)));
  ASSERT_TRUE(ok(virDomainSetMemoryFlags(domain, 50000, VIR_DOMAIN_AFFECT_LIVE)));
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  ASSERT_TRUE(ok(virDomainResume(domain)));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(ok(virDomainCreate(domain))) << "by its own supervisor now";
}

TEST_F(UpgradeTest, AnEndThatAnOlderSupervisorKeepsIsTold) {
  root_.set_init(init::kExitOnGo);
  run("ended");
  stop();
  root_.write("go", "0");
  EXPECT_TRUE(eventually([&] { return !root_.has("go"); }));
  daemon_->use(LXCELL_NEXT_DAEMON);
  start();
  EXPECT_TRUE(wait_for_state(find("ended"), VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(find("ended")), "shutoff/1");
}

TEST_F(UpgradeTest, AnOlderDaemonLeavesANewerSupervisorAlone) {
  become(LXCELL_NEXT_DAEMON);
  const int id = id_of(run("new"));
  ASSERT_GT(id, 0);
  become(Daemon::program());
  EXPECT_TRUE(logged("cannot take over domain '" + own_name("upgrade-new") + "': unsupported configuration") ||
              logged("is of a newer lxcell"))
      << daemon_->output();
  const Domain domain = find("new");
  ASSERT_TRUE(domain);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainCreate(domain)));
  EXPECT_NE(last_failure().message.find("newer lxcell"), std::string::npos) << last_failure().message;
  EXPECT_FALSE(processes_of(own_name("upgrade-new")).empty());
  EXPECT_TRUE(exists(status_file("new")));
  become(LXCELL_NEXT_DAEMON);
  EXPECT_EQ(id_of(find("new")), id);
  EXPECT_EQ(state_of(find("new")), VIR_DOMAIN_RUNNING);
}

TEST_F(UpgradeTest, AStateFileOfANewerDaemonIsKept) {
  const int id = id_of(run("status"));
  stop();
  const std::string good = read_text(status_file("status"));
  std::string newer = good;
  newer.replace(newer.find("version=1"), 9, "version=9");
  write_text(status_file("status"), newer);
  start();
  EXPECT_TRUE(logged("written by a newer virtlxcelld")) << daemon_->output();
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainCreate(find("status"))));
  EXPECT_EQ(read_text(status_file("status")), newer);
  EXPECT_FALSE(processes_of(own_name("upgrade-status")).empty());
  stop();
  write_text(status_file("status"), good);
  start();
  EXPECT_EQ(id_of(find("status")), id);
}

/// What it said is asked of the container and, where not even the domain can be read in it, taken from the definition.
TEST_F(UpgradeTest, ADamagedStateFileIsSetAsideAndItsContainerFoundAgain) {
  const Bridge bridge;
  DomainXml definition = xml("bad");
  definition.private_network = false;
  definition.devices = bridge_interface(bridge.name(), "52:54:00:5d:01:01");
  const Domain bad(virDomainDefineXML(connection_, definition.text().c_str()));
  ASSERT_TRUE(bad && ok(virDomainCreate(bad))) << describe(last_failure());
  const int good_id = id_of(run("good")), bad_id = id_of(bad);
  const auto ports = bridge.ports();
  ASSERT_EQ(ports.size(), 1u);
  for (const bool whole_domain : {true, false}) {
    stop();
    const std::string good = read_text(status_file("bad"));
    const std::string damaged = whole_domain ? "nonsense\n" + good : good.substr(0, good.size() / 2);
    write_text(status_file("bad"), damaged);
    start();
    EXPECT_EQ(id_of(find("good")), good_id);
    EXPECT_TRUE(logged("set aside as '" + status_file("bad") + ".damaged'")) << daemon_->output();
    EXPECT_EQ(read_text(status_file("bad") + ".damaged"), damaged);
    const Domain found = find("bad");
    ASSERT_EQ(state_of(found), VIR_DOMAIN_RUNNING) << daemon_->output();
    EXPECT_EQ(id_of(found), bad_id);
    EXPECT_NE(dump(found).find("<target dev='" + ports.front() + "'/>"), std::string::npos) << dump(found);
    EXPECT_EQ(bridge.ports(), ports) << "its network is untouched";
    EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainCreate(found)));
    const auto console = Console::open(found);
    ASSERT_TRUE(console);
    console->type("still\n");
    EXPECT_TRUE(console->wait_for("echo: still"));
    // All that facts are needed for: the limit in its cgroup, the end and what it leaves.
    EXPECT_TRUE(ok(virDomainSetMemoryFlags(found, 50000, VIR_DOMAIN_AFFECT_LIVE)));
    fs::remove(status_file("bad") + ".damaged");
  }
  stop();
  start();
  EXPECT_EQ(id_of(find("bad")), bad_id) << "the new state file is as good as any";
  EXPECT_TRUE(ok(virDomainDestroy(find("bad"))));
  EXPECT_TRUE(bridge.ports().empty());
  EXPECT_FALSE(exists(status_file("bad")));
  EXPECT_TRUE(ok(virDomainCreate(find("bad")))) << "and nothing of it is in the way";
}

/// Its end while nobody knew it is its end all the same.
TEST_F(UpgradeTest, AContainerThatHasEndedBesideADamagedStateFileIsOver) {
  const Domain domain = run("bad");
  const pid_t init = init_pid(domain);
  stop();
  write_text(status_file("bad"), "nonsense");
  ::kill(init, SIGKILL);
  start();
  EXPECT_TRUE(wait_for_state(find("bad"), VIR_DOMAIN_SHUTOFF));
  EXPECT_TRUE(eventually([&] { return processes_of(own_name("upgrade-bad")).empty(); }));
  EXPECT_TRUE(ok(virDomainCreate(find("bad"))));
  fs::remove(status_file("bad") + ".damaged");
}

TEST_F(UpgradeTest, ADamagedDefinitionIsSetAsideAndTheRestLoads) {
  for (const char* word : {"good", "bad"})
    ASSERT_TRUE(Domain(virDomainDefineXML(connection_, xml(word).text().c_str())));
  stop();
  const std::string whole = read_text(definition_file("bad"));
  const std::string half = whole.substr(0, whole.size() / 2);
  write_text(definition_file("bad"), half);
  start();
  EXPECT_TRUE(find("good"));
  EXPECT_FALSE(find("bad"));
  EXPECT_TRUE(logged("set aside as '" + definition_file("bad") + ".damaged'")) << daemon_->output();
  EXPECT_EQ(read_text(definition_file("bad") + ".damaged"), half);
  ASSERT_TRUE(Domain(virDomainDefineXML(connection_, xml("bad").text().c_str()))) << "its name is free";
  EXPECT_EQ(read_text(definition_file("bad") + ".damaged"), half);
  fs::remove(definition_file("bad") + ".damaged");
}

TEST_F(UpgradeTest, AClientsStreamFailsCleanlyAndTheConsoleIsThereAgain) {
  const int id = id_of(run("stream"));
  {
    const Stream stream(virStreamNew(connection_, 0));
    ASSERT_TRUE(ok(virDomainOpenConsole(find("stream"), nullptr, stream, 0)));
    ASSERT_EQ(virStreamSend(stream, "one\n", 4), 4);
    std::string text;
    char part[256];
    while (text.find("echo: one") == std::string::npos) {
      const int got = virStreamRecv(stream, part, sizeof part);
      ASSERT_GT(got, 0) << text;
      text.append(part, static_cast<std::size_t>(got));
    }
    ASSERT_EQ(daemon_->stop(), 0);
    int got = 0;
    do {
      got = virStreamRecv(stream, part, sizeof part);  // what was under way when the daemon ended
    } while (got > 0);
    EXPECT_LT(got, 0) << "an error, no hang and no end as if all had been read";
    EXPECT_LT(virStreamSend(stream, "two\n", 4), 0);
  }
  EXPECT_EQ(virDomainLookupByName(connection_, own_name("upgrade-stream").c_str()), nullptr);
  start();
  EXPECT_EQ(id_of(find("stream")), id);
  const auto console = Console::open(find("stream"));
  ASSERT_TRUE(console);
  console->type("three\n");
  EXPECT_TRUE(console->wait_for("echo: three")) << console->text();
}

}  // namespace
