// What a daemon tells of itself when something is wrong: fields in the journal, a dump of state while domains or the
// loop are stuck, a log that a client cannot fill.
#include <libvirt/virterror.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "soak/settings.hpp"
#include "soak/silent_mount.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;

class Observability : public SystemTest {
 protected:
  void SetUp() override { NEEDS_OWN_DAEMON(); }
  static Daemon& daemon() { return *host().daemon(); }

  static Output admin(std::vector<std::string> words) {
    words.insert(words.begin(),
                 {"virt-admin", "-q", "-c",
                  "virtlxcelld:///system?socket=" + daemon().root() + "/run/libvirt/virtlxcelld-admin-sock"});
    return run(words);
  }
  /// Fails because its bridge is missing.
  std::string bad(const std::string& word) const {
    DomainXml one = xml(word, root_);
    one.private_network = false;
    one.devices = bridge_interface("lxs-nobridge");
    return one;
  }

  const Rootfs root_;
};

/// journald's socket where sd_journal_sendv(3) finds it, in this program's mount namespace.
class Journal {
 public:
  Journal() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0) throw std::runtime_error("cannot cover /run");
    std::filesystem::create_directories("/run/systemd/journal");
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::string("/run/systemd/journal/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot bind the journal's socket");
  }
  ~Journal() { ::umount2("/run", MNT_DETACH); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  /// The next entry that has `text` in it, "" when none comes.
  std::string wait_for(const std::string& text) const {
    std::string found;
    eventually([&] {
      char bytes[65536];
      const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got > 0) found.assign(bytes, static_cast<std::size_t>(got));
      return got > 0 && found.find(text) != std::string::npos;
    });
    return found.find(text) != std::string::npos ? found : "";
  }

 private:
  base::Fd fd_;
};

TEST_F(Observability, TheJournalSaysWhoseCallItWasAndWhichContainersItConcerned) {
  if (run({"which", "virt-admin"}).status != 0) GTEST_SKIP() << "virt-admin is not installed";
  const Domain domain = define(bad("journal"));
  const Journal journal;
  ASSERT_EQ(admin({"daemon-log-outputs", "--outputs", "2:journald"}).status, 0);
  // By another process: this one may have had its share of lines.
  EXPECT_EQ(run({"virsh", "-q", "-c", host().uri(), "start", own_name("journal")}).status, 1);
  const std::string entry = journal.wait_for("virDomainCreate of client");
  EXPECT_EQ(admin({"daemon-log-outputs", "--outputs", ""}).status, 0);
  for (const std::string& field :
       {std::string("PRIORITY=4\n"), std::string("SYSLOG_IDENTIFIER=virtlxcelld\n"),
        std::string("LXCELL_CALL=virDomainCreate\n"), std::string("LXCELL_CLIENT="),
        "LXCELL_DOMAIN=" + own_name("journal") + "\n", "LXCELL_UUID=" + uuid_of(domain) + "\n"})
    EXPECT_NE(entry.find(field), std::string::npos) << field << " is not in:\n" << entry;
}

TEST_F(Observability, AClientWhoseCallsFailDoesNotFillTheLog) {
  const std::size_t before = daemon().output().size();
  const auto said = [&](const std::string& text) {
    const std::string output = daemon().output().substr(before);
    unsigned count = 0;
    for (auto at = output.find(text); at != std::string::npos; at = output.find(text, at + 1)) ++count;
    return count;
  };
  constexpr unsigned kFailures = 400;
  for (unsigned i = 0; i < kFailures; ++i) ASSERT_EQ(virDomainCreateXML(connection_, bad("flood").c_str(), 0), nullptr);
  // What is left out is counted, and told once for each while.
  EXPECT_TRUE(eventually([&] { return said("more like this") > 0; }, scaled(Milliseconds(30000)))) << daemon().output();
  const unsigned told = said("lxs-nobridge");
  report(std::to_string(kFailures) + " failed calls, " + std::to_string(told) + " lines in the log");
  EXPECT_GT(told, 0U);
  EXPECT_LT(told, kFailures);
}

class Dump : public Observability {
 protected:
  std::string file() const { return daemon().state_folder() + "/state.txt"; }
  void TearDown() override {
    ::unlink(file().c_str());
    Observability::TearDown();
  }
  /// What SIGUSR1 makes the daemon write.
  std::string ask() const {
    ::unlink(file().c_str());
    ::kill(daemon().pid(), SIGUSR1);
    EXPECT_TRUE(eventually([&] { return exists(file()); }));
    return read_text(file());
  }
};

TEST_F(Dump, TellsWhatAStuckDomainWaitsFor) {
  std::vector<std::jthread> waiting;  // before what it waits for, which then ends first
  std::optional<SilentMount> silent(std::in_place);
  if (!silent->mounted()) GTEST_SKIP() << "no FUSE here";
  const Domain domain = define_and_start(xml("stuck", root_));
  const std::string device = mount_filesystem(silent->below(), "/mnt");
  const std::string name = virDomainGetName(domain);
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([device, name, i] {
      const Connection connection = host().connect();
      const Domain same(virDomainLookupByName(connection, name.c_str()));
      if (i == 0)
        virDomainAttachDeviceFlags(same, device.c_str(), VIR_DOMAIN_AFFECT_LIVE);
      else
        virDomainSuspend(same);
    });
    EXPECT_TRUE(eventually([&] {  // the first has the job, and the others wait for it
      virDomainControlInfo info = {};
      return virDomainGetControlInfo(domain, &info, 0) == 0 && info.state == VIR_DOMAIN_CONTROL_JOB;
    }));
  }
  std::string text;
  const auto count = [&](const std::string& what) {
    unsigned found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  const bool complete = eventually([&] {
    text = ask();
    return count("virDomainSuspend of client") >= 3 && count("job virDomainAttachDeviceFlags of client") == 1;
  });
  EXPECT_TRUE(complete) << text;
  EXPECT_EQ(text.find("virtlxcelld "), 0U) << text;
  for (const std::string& part : {"domain '" + name + "', " + uuid_of(domain) + ": running",
                                  "supervisor " + std::to_string(id_of(domain)), std::string("descriptors"),
                                  "pid " + std::to_string(getpid()) + ", uid 0, read-write", std::string("waits in ")})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in:\n" << text;
  silent.reset();  // nobody waits any longer
  waiting.clear();
}

TEST_F(Dump, ComesAlsoWhenTheLoopIsStuck) {
  // The loop thread is the process's first, and held as a debugger holds one.
  const pid_t loop = daemon().pid();
  ASSERT_EQ(ptrace(PTRACE_SEIZE, loop, nullptr, nullptr), 0) << strerror(errno);
  ASSERT_EQ(ptrace(PTRACE_INTERRUPT, loop, nullptr, nullptr), 0);
  EXPECT_EQ(waitpid(loop, nullptr, __WALL), loop);
  const std::string text = ask();
  EXPECT_EQ(ptrace(PTRACE_DETACH, loop, nullptr, nullptr), 0);
  EXPECT_NE(text.find("the loop thread, " + std::to_string(loop) + ", has not answered"), std::string::npos) << text;
  EXPECT_NE(text.find("domains: "), std::string::npos) << text;
  EXPECT_GE(virConnectNumOfDomains(connection_), 0) << "and it goes on";
}

}  // namespace
}  // namespace soak
