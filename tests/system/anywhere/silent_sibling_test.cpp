// Other daemons' sockets: which of them is asked, and one that accepts and never answers.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "support/fixture.hpp"

namespace {

using namespace support;
using Clock = std::chrono::steady_clock;

/// Takes connections, as the kernel does for who listens, and says nothing.
class SilentDaemon {
 public:
  explicit SilentDaemon(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd_, 64) != 0)
      throw std::runtime_error("cannot listen at " + path);
  }
  ~SilentDaemon() { ::close(fd_); }
  SilentDaemon(const SilentDaemon&) = delete;
  SilentDaemon& operator=(const SilentDaemon&) = delete;
  /// True if anybody has come since it was asked last.
  bool was_visited() const {
    bool visited = false;
    for (int client; (client = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(client)) visited = true;
    return visited;
  }

 private:
  int fd_;
};

class SilentSiblingTest : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    const std::string folder = make_folder("silent");
    sockets_ = folder + "/sockets";
    std::filesystem::create_directory(sockets_);
    write_text(folder + "/lxcell.conf", "sibling_socket_dir = \"" + sockets_ + "\"\nsibling_timeout = 1\n");
    daemon_ = std::make_unique<Daemon>(folder, std::vector<std::string>{"--config", folder + "/lxcell.conf"});
  }
  void start() {
    daemon_->start();
    connection_ = Connection(virConnectOpen(daemon_->uri().c_str()));
    ASSERT_TRUE(connection_) << describe(last_failure());
  }
  Failure refused(const std::string& devices) const {
    DomainXml definition;
    definition.name = own_name("silent");
    definition.root = root_.path();
    definition.private_network = false;
    definition.devices = devices;
    EXPECT_FALSE(Domain(virDomainCreateXML(connection_, std::string(definition).c_str(), 0)));
    return last_failure();
  }

  Rootfs root_;
  Bridge bridge_;
  std::string sockets_;
  std::unique_ptr<Daemon> daemon_;
  Connection connection_;
};

constexpr const char* kNetworked = "<interface type='network'><source network='default'/></interface>";

TEST_F(SilentSiblingTest, AStartDoesNotWaitForEverAndTheNextNotAtAll) {
  const SilentDaemon silent(sockets_ + "/virtnetworkd-sock");
  start();
  const Failure first = refused(kNetworked);
  EXPECT_EQ(first.code, VIR_ERR_OPERATION_TIMEOUT) << first.message;
  EXPECT_NE(first.message.find("the daemon that has the networks does not answer"), std::string::npos) << first.message;
  // Faster than the limit of one second: the daemon still owes an answer.
  const auto before = Clock::now();
  EXPECT_EQ(refused(kNetworked).code, VIR_ERR_OPERATION_TIMEOUT);
  EXPECT_LT(Clock::now() - before, std::chrono::milliseconds(900));
  connection_.reset();
  EXPECT_EQ(daemon_->stop(), 0) << "nothing holds its end up";
}

TEST_F(SilentSiblingTest, AFilterDaemonThatIsSilentFailsTheStartAndLeavesNothing) {
  const SilentDaemon silent(sockets_ + "/virtnwfilterd-sock");
  start();
  const Failure failure = refused("<interface type='bridge'><source bridge='" + bridge_.name() +
                                  "'/><filterref filter='clean-traffic'/></interface>");
  EXPECT_EQ(failure.code, VIR_ERR_OPERATION_TIMEOUT) << failure.message;
  EXPECT_TRUE(eventually([&] { return bridge_.ports().empty(); }));
}

TEST_F(SilentSiblingTest, ADaemonThatEndsInTheMiddleIsForgiven) {
  auto silent = std::make_unique<SilentDaemon>(sockets_ + "/virtnetworkd-sock");
  start();
  EXPECT_EQ(refused(kNetworked).code, VIR_ERR_OPERATION_TIMEOUT);
  silent.reset();  // its connections end, and with them what was owed
  EXPECT_TRUE(eventually([&] { return refused(kNetworked).code == VIR_ERR_SYSTEM_ERROR; }));
}

TEST_F(SilentSiblingTest, EachDriversOwnDaemonComesFirstAndLibvirtdElse) {
  const SilentDaemon networks(sockets_ + "/virtnetworkd-sock"), all(sockets_ + "/libvirt-sock");
  start();
  // A daemon that starts looks for what it left with either of them.
  EXPECT_TRUE(eventually([&] { return networks.was_visited(); }));
  EXPECT_TRUE(eventually([&] { return all.was_visited(); })) << "there is no virtnwfilterd";
  networks.was_visited();
  const auto ask = [&](const char* command) { shell("timeout 1 virsh -c '" + daemon_->uri() + "' " + command); };
  ask("net-list");
  EXPECT_TRUE(networks.was_visited());
  EXPECT_FALSE(all.was_visited());
  ask("pool-list");
  EXPECT_TRUE(all.was_visited()) << "there is no virtstoraged";
  EXPECT_FALSE(networks.was_visited());
}

}  // namespace
