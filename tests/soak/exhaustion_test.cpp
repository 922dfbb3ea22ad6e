// What a host runs out of: the call that meets it fails with a reason, nothing of it stays, and as soon as there is
// enough again everything works, without a restart.
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "base/fd.hpp"
#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;
namespace fs = std::filesystem;

class Exhaustion : public SystemTest {
 protected:
  void SetUp() override { NEEDS_OWN_DAEMON(); }

  DomainXml small(const std::string& word) const {
    DomainXml one = xml(word, root_);
    one.init = "/bin/sleep";
    one.arguments = {"100000"};
    one.devices = bridge_interface(bridge_.name());
    return one;
  }
  /// Fails, and says why.
  static void expect_reason(int result, const std::string& what) {
    ASSERT_LT(result, 0) << what << " did not fail";
    EXPECT_GT(last_failure().message.size(), 20U) << what << " gives no reason";
    report(what + ": " + last_failure().message);
  }
  /// Everything a daemon is for.
  void expect_works() const {
    const Domain domain(virDomainDefineXML(connection_, small("works").text().c_str()));
    ASSERT_TRUE(domain) << describe(last_failure());
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    EXPECT_TRUE(ok(virDomainSuspend(domain)));
    EXPECT_TRUE(ok(virDomainResume(domain)));
    EXPECT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_TRUE(ok(virDomainUndefine(domain)));
  }

  const Rootfs root_;
  const Bridge bridge_;
};

int daemon_pid() {
  return host().daemon()->pid();
}

/// A limit of the daemon's, put back with its owner.
class DaemonLimit {
 public:
  DaemonLimit(__rlimit_resource resource, rlim_t value) : resource_(resource) {
    prlimit(daemon_pid(), resource_, nullptr, &before_);
    const rlimit now{value, before_.rlim_max};
    prlimit(daemon_pid(), resource_, &now, nullptr);
  }
  ~DaemonLimit() { prlimit(daemon_pid(), resource_, &before_, nullptr); }
  DaemonLimit(const DaemonLimit&) = delete;
  DaemonLimit& operator=(const DaemonLimit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

/// Bytes that it has and may write, as RLIMIT_DATA counts them (getrlimit(2)).
rlim_t figures_data() {
  std::ifstream file("/proc/" + std::to_string(daemon_pid()) + "/statm");
  rlim_t pages = 0;
  for (int field = 0; field < 6; ++field) file >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(Exhaustion, OutOfDescriptors) {
  expect_works();
  const Domain domain = define(small("fds"));
  const Figures before = figures();
  for (long spare = 0; spare < 40; spare += 3) {
    const DaemonLimit limit(RLIMIT_NOFILE, static_cast<rlim_t>(figures().descriptors - 1 + spare));
    if (virDomainCreate(domain) == 0) {
      EXPECT_TRUE(ok(virDomainDestroy(domain)));
    } else if (spare == 0) {
      expect_reason(-1, "start without descriptors");
    }
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF) << "with " << spare << " descriptors to spare";
  }
  expect_works();
  expect_no_leak(before, "out of descriptors");
}

TEST_F(Exhaustion, ClientsWaitWhileThereAreNoDescriptorsForThem) {
  std::atomic<int> answer = 0;
  std::optional<DaemonLimit> limit(std::in_place, RLIMIT_NOFILE, rlim_t{3});
  std::thread late([&] { answer = Connection(virConnectOpen(host().uri().c_str())) ? 1 : -1; });
  EXPECT_TRUE(eventually([] { return host().daemon()->output().find("cannot accept a client") != std::string::npos; }));
  EXPECT_GE(virConnectNumOfDomains(connection_), 0) << "who is there already is served";
  EXPECT_EQ(answer, 0);
  limit.reset();
  late.join();
  EXPECT_EQ(answer, 1);
}

/// The daemon in a v1 pids cgroup of its own, as long as this lives.
class FewProcesses {
 public:
  FewProcesses() {
    mkdir(group_.c_str(), 0755);
    write_text(group_ + "/cgroup.procs", std::to_string(daemon_pid()));
  }
  ~FewProcesses() {
    write_text(std::string(kHierarchy) + "/cgroup.procs", std::to_string(daemon_pid()));
    EXPECT_TRUE(eventually([&] { return rmdir(group_.c_str()) == 0; }));
  }
  FewProcesses(const FewProcesses&) = delete;
  FewProcesses& operator=(const FewProcesses&) = delete;
  static constexpr const char* kHierarchy = "/sys/fs/cgroup/pids";

  long used() const { return std::strtol(read_text(group_ + "/pids.current").c_str(), nullptr, 10); }
  void set_most(const std::string& most) const { write_text(group_ + "/pids.max", most); }

 private:
  const std::string group_ = std::string(kHierarchy) + "/" + own_name("pids");
};

TEST_F(Exhaustion, OutOfProcesses) {
  if (!exists(FewProcesses::kHierarchy)) GTEST_SKIP() << "no pids hierarchy of v1";
  const Domain domain = define(small("procs"));
  expect_works();
  const FewProcesses few;
  const Figures before = figures();
  for (int spare = 0; spare < 4; ++spare) {
    few.set_most(std::to_string(few.used() + spare));
    if (virDomainCreate(domain) == 0)
      EXPECT_TRUE(ok(virDomainDestroy(domain)));
    else
      expect_reason(-1, "start with " + std::to_string(spare) + " processes to spare");
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
  }
  few.set_most("max");
  expect_works();
  expect_no_leak(before, "out of processes");
}

TEST_F(Exhaustion, OutOfMemory) {
  define(small("memory"));
  expect_works();
  const Figures before = figures();
  const rlim_t data = figures_data();
  DomainXml giant = small("giant");
  giant.elements = "  <description>" + std::string(3900000, 'd') + "</description>\n";
  unsigned failed = 0, dropped = 0;
  double worst = 0;
  // From no page more than it has to enough for everything, so that it is missing at many places.
  for (unsigned spare = 0; spare < 64; spare += spare < 8 ? 1 : 8) {
    const DaemonLimit limit(RLIMIT_DATA, data + spare * 1048576UL);
    worst = std::max(worst, milliseconds_of([&] {
                       const Domain defined(virDomainDefineXML(connection_, giant.text().c_str()));
                       failed += defined ? 0 : 1;
                       if (defined) virDomainUndefine(defined);
                     }));
    ASSERT_TRUE(host().daemon()->running()) << host().daemon()->output();
    if (virConnectIsAlive(connection_) != 1) {  // what cannot be read cannot be answered
      ++dropped;
      connection_ = host().connect();
    }
    const Domain found(virDomainLookupByName(connection_, own_name("memory").c_str()));
    ASSERT_TRUE(found) << describe(last_failure());
    worst = std::max(worst, milliseconds_of([&] {
                       if (virDomainCreate(found) == 0)
                         virDomainDestroy(found);
                       else if (failed++ == 0)
                         expect_reason(-1, "start without memory");
                     }));
  }
  report(std::to_string(failed) + " calls failed for want of memory, " + std::to_string(dropped) +
         " clients dropped, none waited longer than " + std::to_string(static_cast<int>(worst)) + " ms");
  EXPECT_LT(worst, 10000 * time_scale()) << host().daemon()->output();
  EXPECT_GT(failed, 0U);
  const Domain found(virDomainLookupByName(connection_, own_name("memory").c_str()));
  if (state_of(found) != VIR_DOMAIN_SHUTOFF) virDomainDestroy(found);
  expect_works();
  expect_no_leak(before, "out of memory", 65536);
}

/// Takes all there is of a file system.
class Ballast {
 public:
  explicit Ballast(const std::string& folder) : path_(folder + "/ballast") {
    std::ofstream file(path_);
    const std::string block(4096, 'x');
    while (file.write(block.data(), 4096).flush()) {
    }
  }
  ~Ballast() { unlink(path_.c_str()); }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

 private:
  std::string path_;
};

TEST_F(Exhaustion, FullDisk) {
  const std::string folder = make_folder("full");
  ASSERT_EQ(mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=12m"), 0);
  {
    Daemon daemon(folder + "/root");
    daemon.start();
    connection_ = Connection(virConnectOpen(daemon.uri().c_str()));
    const Domain first(virDomainDefineXML(connection_, small("first").text().c_str()));
    ASSERT_TRUE(first) << describe(last_failure());
    unsigned refused = 0;
    {
      const Ballast ballast(folder);
      EXPECT_LT(virDomainCreate(first), 0);
      expect_reason(-1, "start on a full disk");
      EXPECT_EQ(state_of(first), VIR_DOMAIN_SHUTOFF);
      DomainXml large = small("large");
      large.elements = "  <description>" + std::string(500000, 'd') + "</description>\n";
      for (int i = 0; i < 20; ++i) {  // the journal has its blocks already, for as many as fit
        const Domain more(virDomainDefineXML(connection_, large.text().c_str()));
        refused += more ? 0 : 1;
        if (!more && refused == 1) expect_reason(-1, "definition on a full disk");
      }
      EXPECT_GT(refused, 0U);
    }
    EXPECT_TRUE(eventually([&] { return virDomainCreate(first) == 0; })) << describe(last_failure());
    EXPECT_TRUE(ok(virDomainDestroy(first)));
    const Domain second(virDomainDefineXML(connection_, small("second").text().c_str()));
    EXPECT_TRUE(second) << describe(last_failure());
    daemon.kill();
    daemon.start();
    connection_ = Connection(virConnectOpen(daemon.uri().c_str()));
    for (const char* word : {"first", "second"})
      EXPECT_TRUE(Domain(virDomainLookupByName(connection_, own_name(word).c_str()))) << word << " is lost";
    connection_.reset();
  }
  connection_ = host().connect();
  EXPECT_EQ(umount2(folder.c_str(), 0), 0);
}

/// Makes and removes links as fast as the kernel lets it.
class RtnlHog {
 public:
  RtnlHog() {
    for (int i = 0; i < 2; ++i) {
      const std::string name = "soakhog" + std::to_string(i);
      threads_.emplace_back([this, name] {
        while (!over_) {
          run({"ip", "link", "add", name, "type", "dummy"});
          run({"ip", "link", "del", name});
          ++rounds_;
        }
      });
    }
  }
  ~RtnlHog() {
    over_ = true;
    for (auto& thread : threads_) thread.join();
  }
  RtnlHog(const RtnlHog&) = delete;
  RtnlHog& operator=(const RtnlHog&) = delete;
  unsigned rounds() const { return rounds_; }

 private:
  std::atomic<bool> over_ = false;
  std::atomic<unsigned> rounds_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(Exhaustion, RtnlIsBusy) {
  const Domain domain = define(small("rtnl"));
  expect_works();
  const Figures before = figures();
  {
    const RtnlHog hog;
    double worst = 0;
    for (int i = 0; i < 10; ++i)
      worst = std::max(worst, milliseconds_of([&] {
                         EXPECT_TRUE(ok(virDomainCreate(domain)));
                         EXPECT_TRUE(ok(virDomainDestroy(domain)));
                       }));
    report("start and stop while others make and remove links (" + std::to_string(hog.rounds()) + " rounds): worst " +
           std::to_string(static_cast<int>(worst)) + " ms");
  }
  expect_no_leak(before, "a busy RTNL");
}

TEST_F(Exhaustion, L2_ACgroupThatIsBusyGoesInTheEnd) {
  const Domain domain = define(small("busy"));
  const Figures before = figures();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    const auto groups = cgroups_of(own_name("busy"));
    ASSERT_FALSE(groups.empty());
    // A process of the host's in each, and a child group where one can be made.
    std::vector<pid_t> strangers;
    for (const auto& group : groups) {
      const pid_t stranger = fork();
      if (stranger == 0) {
        for (;;) pause();
      }
      strangers.push_back(stranger);
      for (const auto& entry : fs::directory_iterator(group))
        if (entry.is_directory()) write_text(entry.path() / "cgroup.procs", std::to_string(stranger));
      write_text(group + "/cgroup.procs", std::to_string(stranger));
    }
    EXPECT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
    for (const pid_t stranger : strangers) {
      ::kill(stranger, SIGKILL);
      waitpid(stranger, nullptr, 0);
    }
  }
  ASSERT_TRUE(ok(virDomainCreate(domain)));  // the name can be used again
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  expect_no_leak(before, "busy cgroups");
}

TEST_F(Exhaustion, L2_ACgroupInWhichOthersAreMadeAllTheTimeGoesInTheEnd) {
  const Domain domain = define(small("grow"));
  const Figures before = figures();
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  const auto groups = cgroups_of(own_name("grow"));
  std::atomic<bool> over = false;
  std::thread maker([&] {
    for (int i = 0; !over; ++i)
      for (const auto& group : groups) mkdir((group + "/g" + std::to_string(i % 7)).c_str(), 0755);
  });
  virDomainDestroy(domain);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
  over = true;
  maker.join();
  ASSERT_TRUE(ok(virDomainCreate(domain)));  // what stayed is taken over by the next of that name
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  expect_no_leak(before, "growing cgroups");
}

}  // namespace
}  // namespace soak
