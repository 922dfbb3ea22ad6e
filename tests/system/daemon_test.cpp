// The daemon's options, and several of them on one machine.
#include <signal.h>
#include <unistd.h>

#include "base/pid_fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

class DaemonTest : public testing::Test {
 protected:
  void SetUp() override { NEEDS_OWN_DAEMON(); }
};

TEST_F(DaemonTest, VersionAndHelp) {
  const Output version = run({Daemon::program(), "--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_NE(version.text.find_first_of("0123456789"), std::string::npos) << version.text;
  const Output help = run({Daemon::program(), "--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* option : {"--root", "--config", "--driver-name", "--daemon", "--pid-file", "--verbose", "--timeout",
                             "--check-host", "--version"}) {
    EXPECT_NE(help.text.find(option), std::string::npos) << option;
  }
}

TEST_F(DaemonTest, CheckHostSaysWhatThereIs) {
  const Output check = run({Daemon::program(), "--check-host"});
  EXPECT_EQ(check.status, 0) << check.text;
  for (const char* item : {"namespace 'user' ", "file system 'proc' ", "link 'veth' ", "id-mapped mounts of "}) {
    const auto at = check.text.find(item);
    ASSERT_NE(at, std::string::npos) << item << check.text;
    EXPECT_NE(check.text.substr(at, check.text.find('\n', at) - at).find(": PASS"), std::string::npos) << check.text;
  }
}

TEST_F(DaemonTest, UnknownOptionIsRefused) {
  const Output output = run({Daemon::program(), "--root", make_folder("option"), "--fly"});
  EXPECT_NE(output.status, 0);
  EXPECT_NE(output.text.find("--fly"), std::string::npos) << output.text;
}

TEST_F(DaemonTest, MissingConfigFileIsNamed) {
  const Output output = run({Daemon::program(), "--root", make_folder("config"), "--config", "/nowhere/lxcell.conf"});
  EXPECT_NE(output.status, 0);
  EXPECT_NE(output.text.find("/nowhere/lxcell.conf"), std::string::npos) << output.text;
}

TEST_F(DaemonTest, SecondOnTheSameRootRefuses) {
  Daemon first(make_folder("twice"));
  first.start();
  const Output second = run({Daemon::program(), "--root", first.root()});
  EXPECT_NE(second.status, 0);
  EXPECT_NE(second.text.find(first.root()), std::string::npos) << "says whose place is taken: " << second.text;
  EXPECT_TRUE(Connection(virConnectOpen(first.uri().c_str()))) << "the first one goes on";
}

TEST_F(DaemonTest, TwoRootsLiveSideBySide) {
  const Rootfs root;
  Daemon one(make_folder("side"));
  Daemon two(make_folder("side"));
  one.start();
  two.start();
  DomainXml definition;
  definition.name = own_name("side");
  definition.root = root.path();
  const Connection to_one(virConnectOpen(one.uri().c_str()));
  const Connection to_two(virConnectOpen(two.uri().c_str()));
  const Domain first(virDomainCreateXML(to_one, definition.text().c_str(), 0));
  ASSERT_TRUE(first) << describe(last_failure());
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByName(to_two, definition.name.c_str())));
  const Domain second(virDomainCreateXML(to_two, definition.text().c_str(), 0));
  ASSERT_TRUE(second) << describe(last_failure());
  ASSERT_TRUE(ok(virDomainDestroy(first)));
  EXPECT_EQ(state_of(second), VIR_DOMAIN_RUNNING);
}

TEST_F(DaemonTest, GoesIntoTheBackgroundAndWritesItsPid) {
  const std::string root = make_folder("background");
  const std::string pid_file = root + "/daemon.pid";
  const Output output = run({Daemon::program(), "--root", root, "--daemon", "--pid-file", pid_file});
  ASSERT_EQ(output.status, 0) << output.text;
  // It returns when clients can connect.
  const Daemon place(root);
  EXPECT_TRUE(Connection(virConnectOpen(place.uri().c_str()))) << describe(last_failure());
  const pid_t pid = std::atoi(read_text(pid_file).c_str());
  ASSERT_GT(pid, 1);
  const auto process = base::PidFd::open(pid);
  ASSERT_TRUE(process);
  EXPECT_TRUE(process->signal(SIGTERM));
  EXPECT_TRUE(process->wait_exit(static_cast<int>(patience().count())));
  EXPECT_FALSE(exists(pid_file));
}

TEST_F(DaemonTest, EndsWhenIdleForItsTimeout) {
  Daemon daemon(make_folder("idle"), {"--timeout", "1"});
  daemon.start();
  EXPECT_TRUE(eventually([&] { return !daemon.running(); }));
}

TEST_F(DaemonTest, DoesNotEndWhileAContainerRuns) {
  const Rootfs root;
  Daemon daemon(make_folder("busy"), {"--timeout", "1"});
  daemon.start();
  DomainXml definition;
  definition.name = own_name("busy");
  definition.root = root.path();
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainCreateXML(connection, definition.text().c_str(), 0));
    ASSERT_TRUE(domain) << describe(last_failure());
  }
  EXPECT_FALSE(eventually([&] { return !daemon.running(); }, Milliseconds(2500)));
}

TEST_F(DaemonTest, ServesStocksNameWhenAsked) {
  const std::string root = make_folder("name");
  const std::string socket = root + "/run/libvirt/virtlxcd-sock";
  const std::string pid_file = root + "/daemon.pid";
  const Output output =
      run({Daemon::program(), "--root", root, "--driver-name", "lxc", "--daemon", "--pid-file", pid_file});
  ASSERT_EQ(output.status, 0) << output.text;
  {
    const Connection connection(virConnectOpen(("lxc:///system?socket=" + socket).c_str()));
    ASSERT_TRUE(connection) << describe(last_failure());
    EXPECT_STREQ(virConnectGetType(connection), "LXC");
    EXPECT_EQ(take(virConnectGetURI(connection)).substr(0, 13), "lxc:///system");
  }
  EXPECT_TRUE(exists(socket + "-ro"));
  const auto process = base::PidFd::open(std::atoi(read_text(pid_file).c_str()));
  ASSERT_TRUE(process);
  process->signal(SIGTERM);
  EXPECT_TRUE(process->wait_exit(static_cast<int>(patience().count())));
}

TEST_F(DaemonTest, SupervisorIsSmall) {
  const Rootfs root;
  DomainXml definition;
  definition.name = own_name("small");
  definition.root = root.path();
  const Connection connection = host().connect();
  const Domain domain(virDomainCreateXML(connection, definition.text().c_str(), 0));
  ASSERT_TRUE(domain) << describe(last_failure());
  const Output pss = shell("sed -n 's/^Pss: *//p' /proc/" + std::to_string(id_of(domain)) + "/smaps_rollup");
  virDomainDestroy(domain);
  EXPECT_GT(std::atoi(pss.text.c_str()), 0);
  EXPECT_LE(std::atoi(pss.text.c_str()), 512) << "KiB";
}

}  // namespace
