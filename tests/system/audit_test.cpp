// Audit records as the kernel hands them to whoever listens, and as auditd and ausearch keep and find them.
#include <libaudit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;

bool host_audits() {
  const int fd = audit_open();
  if (fd < 0) return false;
  const bool enabled = audit_is_enabled(fd) > 0;
  audit_close(fd);
  return enabled;
}

/// Reads records along with auditd (netlink(7), AUDIT_NLGRP_READLOG).
class AuditListener {
 public:
  AuditListener() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1);
    listens_ = socket_ >= 0 && ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~AuditListener() { ::close(socket_); }
  AuditListener(const AuditListener&) = delete;
  AuditListener& operator=(const AuditListener&) = delete;
  bool listens() const { return listens_; }

  /// Whether a record of `type` with all of `words` has come, or comes.
  bool hears(int type, const std::vector<std::string>& words) {
    return eventually([&] {
      while (take()) {
      }
      for (const auto& [of, text] : records_) {
        bool all = of == type;
        for (const auto& word : words) all = all && text.find(word) != std::string::npos;
        if (all) return true;
      }
      return false;
    });
  }
  std::string text() const {
    std::string all;
    for (const auto& [type, text] : records_) all += std::to_string(type) + " " + text + "\n";
    return all;
  }

 private:
  bool take() {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, 0) <= 0) return false;
    alignas(nlmsghdr) char buffer[16384];
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
    if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return false;
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer);
    records_.emplace_back(header->nlmsg_type,
                          std::string(buffer + sizeof(nlmsghdr), static_cast<std::size_t>(size) - sizeof(nlmsghdr)));
    return true;
  }

  int socket_;
  bool listens_ = false;
  std::vector<std::pair<int, std::string>> records_;
};

class AuditTest : public SystemTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("tells other fields");
    if (!host_audits() && exists("/run/systemd/system")) {
      run({"systemctl", "start", "auditd"});
      std::this_thread::sleep_for(std::chrono::seconds(1));  // so long the daemon relies on what the kernel said before
    }
    if (!host_audits()) GTEST_SKIP() << "this host does not audit";
    if (!listener_.listens()) GTEST_SKIP() << "audit records cannot be listened to here";
  }
  AuditListener listener_;
};

TEST_F(AuditTest, StartInitStopAndResourcesAreOnRecord) {
  Rootfs root;
  const Domain domain = define_and_start(xml("audit", root));
  const std::string uuid = "uuid=" + uuid_of(domain), supervisor = "vm-pid=" + std::to_string(id_of(domain));
  const std::string init = "init-pid=" + std::to_string(init_pid(domain));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_CONTROL, {"virt=lxc op=start reason=booted vm=\"" + own_name("audit") + "\"",
                                                   uuid, supervisor, "res=success"}))
      << listener_.text();
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_CONTROL, {"virt=lxc op=init", uuid, init, "pid-ns=", "res=success"}));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=mem reason=start", uuid, "old-mem=0 new-mem=65536"}));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=vcpu reason=start", uuid, "old-vcpu=0 new-vcpu=1"}));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=fs reason=start", uuid, "new-fs=\"" + root.path() + "\""}));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=cgroup reason=deny", uuid, "class=all"}));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=cgroup reason=allow", uuid, "maj=01 min=03"}));
  ASSERT_TRUE(ok(virDomainSetMemory(domain, 32768)));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=mem reason=update", uuid, "old-mem=65536 new-mem=32768"}));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_CONTROL, {"virt=lxc op=stop reason=destroyed", uuid, supervisor}))
      << listener_.text();
}

TEST_F(AuditTest, AnEndOfItsOwnAndAFailedStartAreOnRecordAsSuch) {
  Rootfs root(init::kExitOnTerm);
  const Domain domain = define_and_start(xml("end", root));
  ASSERT_TRUE(root.wait_ready());
  ASSERT_TRUE(ok(virDomainShutdown(domain)));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_CONTROL, {"op=stop reason=shutdown", "uuid=" + uuid_of(domain)}));

  DomainXml broken = xml("broken", root);
  broken.init = "/no/such/program";
  const Domain failing = define(broken);
  EXPECT_FALSE(ok(virDomainCreate(failing)));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_CONTROL, {"op=start", "uuid=" + uuid_of(failing), "vm-pid=-1", "res=failed"}));
}

TEST_F(AuditTest, AnInterfaceThatComesAndGoesIsOnRecord) {
  const Bridge bridge;
  Rootfs root;
  const Domain domain = define_and_start(xml("nic", root));
  const std::string nic = bridge_interface(bridge.name(), "52:54:00:0a:0b:0c");
  ASSERT_TRUE(ok(virDomainAttachDevice(domain, nic.c_str())));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=net reason=attach", "old-net=? new-net=52:54:00:0a:0b:0c"}));
  ASSERT_TRUE(ok(virDomainDetachDevice(domain, nic.c_str())));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=net reason=detach", "old-net=52:54:00:0a:0b:0c new-net=?"}));
}

TEST_F(AuditTest, ADeviceThatComesAndGoesIsOnRecord) {
  if (!exists("/dev/fuse")) GTEST_SKIP() << "there is no device to spare";
  Rootfs root;
  const Domain domain = define_and_start(xml("device", root));
  const char* const device =
      "<hostdev mode='capabilities' type='misc'><source><char>/dev/fuse</char></source></hostdev>";
  ASSERT_TRUE(ok(virDomainAttachDevice(domain, device)));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=hostdev reason=attach", "chardev=\"/dev/fuse\""}));
  ASSERT_TRUE(ok(virDomainDetachDevice(domain, device)));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_RESOURCE, {"resrc=hostdev reason=detach", "chardev=\"/dev/fuse\""}));
}

TEST_F(AuditTest, Level0WritesNothing) {
  NEEDS_OWN_DAEMON();
  const std::string folder = make_folder("audit-off");
  write_text(folder + "/conf", "audit_level = 0\n");
  Daemon daemon(folder, {"--config", folder + "/conf"});
  daemon.start();
  Rootfs root;
  const Connection silent(virConnectOpen(daemon.uri().c_str()));
  const Domain quiet(virDomainCreateXML(silent, xml("quiet", root).text().c_str(), 0));
  ASSERT_TRUE(ok(virDomainDestroy(quiet)));
  // What came after it has come, so it would have come too.
  const Domain loud = create(xml("loud", root));
  EXPECT_TRUE(listener_.hears(AUDIT_VIRT_CONTROL, {"op=start", own_name("loud")}));
  EXPECT_EQ(listener_.text().find(own_name("quiet")), std::string::npos) << listener_.text();
}

TEST_F(AuditTest, AuditdKeepsThemAndAusearchFindsThem) {
  if (!have_program("ausearch") || !exists("/run/systemd/system")) GTEST_SKIP() << "no auditd under systemd";
  ASSERT_EQ(run({"systemctl", "start", "auditd"}).status, 0);
  Rootfs root;
  const Domain domain = define_and_start(xml("ausearch", root));
  const std::string uuid = uuid_of(domain);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  const auto found = [&](const std::string& type, const std::string& word) {
    return eventually([&] {
      const std::string text = run({"ausearch", "--input-logs", "-m", type}).text;
      return text.find(uuid) != std::string::npos && text.find(word) != std::string::npos;
    });
  };
  EXPECT_TRUE(found("VIRT_CONTROL", "op=stop"));
  EXPECT_TRUE(found("VIRT_RESOURCE", "resrc=mem"));
  std::printf("%s\n", run({"ausearch", "--input-logs", "-m", "VIRT_CONTROL"}).text.c_str());
}

}  // namespace
