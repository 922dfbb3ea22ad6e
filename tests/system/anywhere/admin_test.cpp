// virt-admin(1), the unpatched one, against the socket for administrators.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "base/fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

class AdminTest : public SystemTest {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    if (!have_program("virt-admin")) GTEST_SKIP() << "virt-admin is not installed (package libvirt-clients)";
    daemon_ = std::make_unique<Daemon>(make_folder("admin"));
    daemon_->start();
  }
  std::string socket() const { return daemon_->root() + "/run/libvirt/virtlxcelld-admin-sock"; }
  Output admin(std::vector<std::string> words) const {
    words.insert(words.begin(), {"virt-admin", "-q", "-c", "virtlxcelld:///system?socket=" + socket()});
    return run(words);
  }
  std::string answer(const std::vector<std::string>& words) const {
    const Output output = admin(words);
    EXPECT_EQ(output.status, 0) << words[0] << ": " << output.text;
    return output.text;
  }
  /// The value behind "name :" in a list.
  static std::string value(const std::string& list, const std::string& name) {
    std::istringstream lines(list);
    for (std::string line; std::getline(lines, line);) {
      std::string word;
      std::istringstream(line) >> word;
      if (word == name || word == name + ":") return line.substr(line.find(": ") + 2);
    }
    return "nothing";
  }
  Connection client() const { return Connection(virConnectOpen(daemon_->uri().c_str())); }

  std::unique_ptr<Daemon> daemon_;
};

TEST_F(AdminTest, TwoServers) {
  const std::string list = answer({"server-list"});
  EXPECT_NE(list.find("virtlxcelld"), std::string::npos) << list;
  EXPECT_NE(list.find("admin"), std::string::npos) << list;
  const Output unknown = admin({"server-threadpool-info", "nobody"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_NE(unknown.text.find("Server not found"), std::string::npos) << unknown.text;
}

TEST_F(AdminTest, ThreadsAreMadeAndEndAsLimitsSay) {
  EXPECT_EQ(value(answer({"server-threadpool-info", "virtlxcelld"}), "maxWorkers"), "5");
  answer(
      {"server-threadpool-set", "virtlxcelld", "--min-workers", "7", "--max-workers", "9", "--priority-workers", "3"});
  std::string list = answer({"server-threadpool-info", "virtlxcelld"});
  EXPECT_EQ(value(list, "minWorkers"), "7");
  EXPECT_EQ(value(list, "maxWorkers"), "9");
  EXPECT_EQ(value(list, "prioWorkers"), "3");
  EXPECT_EQ(value(list, "nWorkers"), "7");
  answer({"server-threadpool-set", "virtlxcelld", "--min-workers", "1", "--max-workers", "2"});
  EXPECT_TRUE(eventually([&] { return value(answer({"server-threadpool-info", "virtlxcelld"}), "nWorkers") == "2"; }));
  EXPECT_EQ(admin({"server-threadpool-set", "virtlxcelld", "--min-workers", "5", "--max-workers", "4"}).status, 1);
  const Connection still = client();
  EXPECT_GE(virConnectNumOfDomains(still), 0) << "and they work";
}

TEST_F(AdminTest, ClientsAreListedDescribedAndSentAway) {
  const Connection one = client();
  std::string list = answer({"client-list", "virtlxcelld"});
  const std::string id = std::to_string(std::stoi(list.substr(list.find_first_of("0123456789"))));
  EXPECT_NE(list.find("unix"), std::string::npos) << list;
  const std::string info = answer({"client-info", "virtlxcelld", id});
  EXPECT_EQ(value(info, "unix_process_id"), std::to_string(::getpid())) << info;
  EXPECT_EQ(value(info, "unix_user_name"), "root") << info;
  EXPECT_EQ(value(info, "readonly"), "no") << info;
  EXPECT_EQ(virConnectNumOfDomains(one), 0);
  answer({"client-disconnect", "virtlxcelld", id});
  EXPECT_EQ(virConnectNumOfDomains(one), -1) << "it was sent away";
  EXPECT_EQ(value(answer({"server-clients-info", "virtlxcelld"}), "nclients"), "0");
  EXPECT_EQ(admin({"client-disconnect", "virtlxcelld", id}).status, 1);
}

TEST_F(AdminTest, FurtherClientsWaitUntilThereIsRoom) {
  answer({"server-clients-set", "virtlxcelld", "--max-clients", "3", "--max-unauth-clients", "2"});
  const std::string list = answer({"server-clients-info", "virtlxcelld"});
  EXPECT_EQ(value(list, "nclients_max"), "3");
  EXPECT_EQ(value(list, "nclients_unauth_max"), "2");
  EXPECT_EQ(admin({"server-clients-set", "virtlxcelld", "--max-clients", "1"}).status, 1)
      << "below those unauthenticated";
}

TEST_F(AdminTest, LogFiltersAndOutputsAtRunTime) {
  EXPECT_NE(answer({"daemon-log-outputs"}).find("1:stderr"), std::string::npos);
  const std::string file = daemon_->root() + "/extra.log";
  answer({"daemon-log-outputs", "--outputs", "1:file:" + file + " 4:stderr"});
  EXPECT_NE(answer({"daemon-log-outputs"}).find("1:file:" + file + " 4:stderr"), std::string::npos);
  answer({"daemon-log-filters", "--filters", "1:driver.domain 4:rpc"});
  EXPECT_NE(answer({"daemon-log-filters"}).find("1:driver.domain 4:rpc"), std::string::npos);
  Rootfs root(init::kExitOnGo);
  const Connection connection = client();
  const Domain domain(virDomainCreateXML(connection, xml("log", root).text().c_str(), 0));
  ASSERT_TRUE(root.wait_ready());
  root.write("go", "0");
  EXPECT_TRUE(eventually([&] { return read_text(file).find("init ended with wait status") != std::string::npos; }))
      << "at level 2, which the default level leaves out: " << read_text(file);
  answer({"daemon-log-filters", "--filters", ""});
  answer({"daemon-log-outputs", "--outputs", ""});
  EXPECT_NE(answer({"daemon-log-outputs"}).find("1:stderr"), std::string::npos);
  EXPECT_EQ(admin({"daemon-log-filters", "--filters", "9:x"}).status, 1);
  EXPECT_EQ(admin({"daemon-log-outputs", "--outputs", "1:file:relative"}).status, 1);
  const Output impossible = admin({"daemon-log-outputs", "--outputs", "1:file:/proc/self/nothing/all.log"});
  EXPECT_EQ(impossible.status, 1);
  EXPECT_NE(answer({"daemon-log-outputs"}).find("1:stderr"), std::string::npos) << "as it was";
}

TEST_F(AdminTest, ATimeoutEndsAnIdleDaemon) {
  answer({"daemon-timeout", "--timeout", "1"});
  EXPECT_TRUE(eventually([&] { return !daemon_->running(); }));
}

/// As systemd has it: it listens, and hands its sockets to the daemon that it starts at the first connection.
TEST_F(AdminTest, SocketsMayBeSystemds) {
  if (!have_program("systemd-socket-activate")) GTEST_SKIP() << "systemd-socket-activate is not installed";
  daemon_->stop();
  const std::string folder = daemon_->root() + "/run/libvirt/virtlxcelld-";
  Daemon activated(daemon_->root(), {},
                   {"systemd-socket-activate", "-l", folder + "admin-sock", "-l", folder + "sock-ro", "-l",
                    folder + "sock", "--fdname=admin:ro:rw"});
  activated.start();
  EXPECT_NE(answer({"server-list"}).find("virtlxcelld"), std::string::npos);
  const Connection reader(virConnectOpenReadOnly(("lxcell:///system?socket=" + folder + "sock-ro").c_str()));
  ASSERT_TRUE(reader) << last_failure().message;
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_DENIED, virDomainDefineXML(reader, "<domain/>")));
  const Connection writer(virConnectOpen(activated.uri().c_str()));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_NAME, virDomainDefineXML(writer, "<domain/>")));
  EXPECT_EQ(activated.stop(), 0);
  EXPECT_TRUE(exists(folder + "admin-sock")) << "what systemd made is systemd's to remove";
}

TEST_F(AdminTest, OnlyRootIsHeardWhateverTheSocketsMode) {
  ASSERT_EQ(::chmod(socket().c_str(), 0777), 0);
  for (const char* folder : {"", "/run", "/run/libvirt"}) ::chmod((daemon_->root() + folder).c_str(), 0755);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(3);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(2);
    char byte = 0;
    ::_exit(::read(fd, &byte, 1) == 0 ? 0 : 1);  // hung up on, unheard
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
