// Stock's defects by their number in known-defects.md, while other clients start, stop and ask without a pause and the
// daemon is killed; tests/system has each of them alone.
#include <libvirt/virterror.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;
namespace fs = std::filesystem;

constexpr unsigned kCrowd = 6;

/// Clients that start and stop a domain each, some of whose starts fail, and ask for everybody's statistics. Calls that
/// meet a daemon that is killed fail; the next connection goes on.
class Load {
 public:
  Load(const std::string& definition_of_good, const std::string& definition_of_bad) {
    for (const std::string& xml : {definition_of_good, definition_of_bad})
      threads_.emplace_back([this, xml] {
        while (!over_) {
          const Connection connection = open();
          if (!connection) ::poll(nullptr, 0, 10);  // a daemon is being started, by who needs opening() for that
          while (!over_ && connection && virConnectIsAlive(connection) == 1) {
            const Domain domain(virDomainCreateXML(connection, xml.c_str(), 0));
            if (domain) virDomainDestroy(domain);
            virDomainStatsRecordPtr* all = nullptr;
            if (virConnectGetAllDomainStats(connection, 0, &all, 0) >= 0) virDomainStatsRecordListFree(all);
            ++rounds_;
          }
        }
      });
  }
  ~Load() {
    over_ = true;
    for (auto& thread : threads_) thread.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  /// No client is being opened while this is held: a file that libvirt reads for that is inherited by a daemon that is
  /// started at the same moment.
  std::mutex& opening() { return opening_; }
  /// Waits until it has gone on for a few rounds: it is there, then.
  void be_felt() const {
    const unsigned long before = rounds_;
    EXPECT_TRUE(eventually([&] { return rounds_ >= before + 4; })) << "others are not served";
  }

 private:
  Connection open() {
    const std::scoped_lock lock(opening_);
    return Connection(virConnectOpen(host().uri().c_str()));
  }

  std::atomic<bool> over_ = false;
  std::atomic<unsigned long> rounds_ = 0;
  std::mutex opening_;
  std::vector<std::thread> threads_;
};

class DefectsUnderLoad : public SystemTest {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    for (unsigned i = 0; i < kCrowd; ++i) roots_.push_back(std::make_unique<Rootfs>(init::kDeaf));
    load_.emplace(quiet("load", bridge_interface(bridge_.name())), quiet("fails", bridge_interface("lxs-nobridge")));
    load_->be_felt();
  }
  void TearDown() override {
    load_.reset();
    if (host().daemon() && virConnectIsAlive(connection_) != 1) connection_ = host().connect();
    SystemTest::TearDown();
  }

  std::string quiet(const std::string& word, const std::string& devices) const {
    DomainXml one = xml(word, load_root_);
    one.init = "/bin/sleep";
    one.arguments = {"100000"};
    one.private_network = false;
    one.devices = devices;
    return one;
  }
  static std::string name(unsigned i) { return own_name("one" + std::to_string(i)); }
  DomainXml one(unsigned i) const { return xml("one" + std::to_string(i), *roots_[i]); }
  std::vector<Domain> start_all() const {
    std::vector<Domain> all;
    for (unsigned i = 0; i < kCrowd; ++i) {
      all.push_back(define_and_start(one(i)));
      EXPECT_TRUE(roots_[i]->wait_ready());
    }
    return all;
  }
  void set_init(const std::string& script) const {
    for (const auto& root : roots_) root->set_init(script);
  }
  /// The daemon dies at once and another one comes.
  void crash() {
    connection_.reset();
    host().daemon()->kill();
    come_back();
  }
  void come_back() {
    const std::scoped_lock lock(load_->opening());
    host().daemon()->start();
    connection_ = host().connect();
  }
  Domain find(unsigned i) const { return Domain(virDomainLookupByName(connection_, name(i).c_str())); }

  const Rootfs load_root_;
  const Bridge bridge_;
  std::vector<std::unique_ptr<Rootfs>> roots_;
  std::optional<Load> load_;
};

TEST_F(DefectsUnderLoad, D4_PausedStaysPausedOverCrashesAndCanBeResumedAndDestroyed) {
  for (const Domain& domain : start_all()) ASSERT_TRUE(ok(virDomainSuspend(domain)));
  for (int i = 0; i < 2; ++i) {
    crash();
    load_->be_felt();
  }
  for (unsigned i = 0; i < kCrowd; ++i) {
    const Domain domain = find(i);
    ASSERT_TRUE(domain) << describe(last_failure());
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_PAUSED);
    EXPECT_TRUE(is_frozen(domain));
    if (i % 2 == 0) {
      EXPECT_TRUE(ok(virDomainResume(domain)));
      EXPECT_FALSE(is_frozen(domain));
    }
    EXPECT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_TRUE(processes_of(name(i)).empty());
  }
}

TEST_F(DefectsUnderLoad, D5_OneEndIsToldForEachRun) {
  EventCollector events(connection_);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kCrowd; ++i)
    threads.emplace_back([this, i] {
      const Connection connection = host().connect();
      const Domain domain(virDomainDefineXML(connection, one(i).text().c_str()));
      for (int round = 0; domain && round < 5; ++round) {
        if (virDomainCreate(domain) != 0) ADD_FAILURE() << describe(last_failure());
        // init's end and two clients' calls at the same time
        std::thread other([&] {
          const Connection another = host().connect();
          const Domain same(virDomainLookupByName(another, name(i).c_str()));
          if (same) virDomainDestroy(same);
        });
        if (const pid_t init = init_pid(domain); init > 0) ::kill(init, SIGKILL);
        virDomainDestroy(domain);
        other.join();
        EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
      }
    });
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(events.drain());
  for (unsigned i = 0; i < kCrowd; ++i) {
    int started = 0, stopped = 0;
    for (const auto& event : events.events(name(i))) {
      started += event.type == VIR_DOMAIN_EVENT_STARTED ? 1 : 0;
      stopped += event.type == VIR_DOMAIN_EVENT_STOPPED ? 1 : 0;
      EXPECT_LE(stopped, started) << events.story(name(i));
    }
    EXPECT_EQ(started, 5) << events.story(name(i));
    EXPECT_EQ(stopped, 5) << events.story(name(i));
  }
}

TEST_F(DefectsUnderLoad, D6_RebootsKeepTheLiveDefinitionAndAutodestroy) {
  set_init(init::kRebootOnGo);
  {
    const Connection owner = host().connect();
    for (unsigned i = 0; i < kCrowd; ++i) {
      DomainXml definition = one(i);
      definition.uuid = "6ba7b81" + std::to_string(i) + "-9dad-11d1-80b4-00c04fd430c8";
      definition.elements = "  <title>live</title>\n";
      const Domain domain(virDomainDefineXML(owner, definition.text().c_str()));
      ASSERT_TRUE(domain && virDomainCreateWithFlags(domain, VIR_DOMAIN_START_AUTODESTROY) == 0)
          << describe(last_failure());
      ASSERT_TRUE(roots_[i]->wait_ready());
      definition.elements = "  <title>next</title>\n";
      define(definition);
    }
    for (int boot = 0; boot < 2; ++boot) {
      for (const auto& root : roots_) root->write("go", "");
      for (const auto& root : roots_) ASSERT_TRUE(root->wait_ready());
    }
    for (unsigned i = 0; i < kCrowd; ++i) {
      const Domain domain = find(i);
      ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_RUNNING));
      EXPECT_EQ(xpath(dump(domain), "string(/domain/title)"), "live");
      EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(/domain/title)"), "next");
    }
  }
  for (unsigned i = 0; i < kCrowd; ++i) EXPECT_TRUE(wait_for_state(find(i), VIR_DOMAIN_SHUTOFF));
}

TEST_F(DefectsUnderLoad, D9_WhatEndsOrRebootsWithoutADaemonIsTold) {
  set_init(init::kDeaf);
  roots_[0]->set_init(init::kRebootOnGo);
  roots_[1]->set_init(init::kExitOnGo);
  roots_[2]->set_init(init::kPowerOffOnGo);
  const auto running = start_all();
  const pid_t killed = init_pid(running[3]);
  connection_.reset();
  host().daemon()->kill();
  roots_[0]->write("go", "");
  roots_[1]->write("go", "3");
  roots_[2]->write("go", "");
  ::kill(killed, SIGKILL);
  EXPECT_TRUE(eventually([&] { return processes_of(name(3)).size() <= 1; })) << "its supervisor remembers";
  come_back();
  EXPECT_TRUE(roots_[0]->wait_ready()) << "second boot";
  EXPECT_TRUE(wait_for_state(find(0), VIR_DOMAIN_RUNNING));
  for (const unsigned i : {1U, 2U, 3U}) EXPECT_TRUE(wait_for_state(find(i), VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(find(1)), "shutoff/3") << "a crash";
  EXPECT_EQ(state_and_reason(find(2)), "shutoff/1") << "a shutdown";
  EXPECT_EQ(state_and_reason(find(3)), "shutoff/3") << "a crash";
  EXPECT_EQ(state_of(find(4)), VIR_DOMAIN_RUNNING);
}

TEST_F(DefectsUnderLoad, D12_WhoLeftTheCgroupDiesWithItsContainer) {
  const auto running = start_all();
  std::vector<pid_t> inits;
  for (const Domain& domain : running) {
    inits.push_back(init_pid(domain));
    std::error_code error;
    for (fs::directory_iterator hierarchy("/sys/fs/cgroup", error), end; !error && hierarchy != end;
         hierarchy.increment(error))
      if (hierarchy->is_directory()) write_text(hierarchy->path() / "cgroup.procs", std::to_string(inits.back()));
    EXPECT_EQ(proc_file(inits.back(), "cgroup").find(virDomainGetName(domain)), std::string::npos) << "it did leave";
  }
  crash();
  for (unsigned i = 0; i < kCrowd; ++i) {
    EXPECT_TRUE(ok(virDomainDestroy(find(i))));
    EXPECT_EQ(status_value(inits[i], "NSpid").find("\t1"), std::string::npos) << "init still runs";
  }
}

/// What all leaks have in common: the load's bad starts and the good ones' ends go on while this is counted, so the
/// count is made when the load has ended.
class LeaksUnderLoad : public DefectsUnderLoad {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    {
      const Domain first = create(xml("first", load_root_));  // some things are made once
      ASSERT_TRUE(ok(virDomainDestroy(first)));
    }
    before_ = figures();
    DefectsUnderLoad::SetUp();
  }
  /// Ends the load, and everything of this test's.
  void expect_nothing_stays(const std::string& what) {
    load_.reset();
    remove_own_domains(connection_);
    for (unsigned i = 0; i < kCrowd; ++i)
      EXPECT_TRUE(wait_for_no_traces(name(i), host().daemon()->state_folder()).empty());
    // Another daemon than before may have another number of descriptors for itself; everything else is as it was.
    expect_no_leak(before_, what, 32768);
  }
  Figures before_;
};

TEST_F(LeaksUnderLoad, L1_NoLinkStaysOfFailedStartsAndHotPlugs) {
  const auto running = start_all();
  for (int round = 0; round < 5; ++round)
    for (const Domain& domain : running) {
      EXPECT_TRUE(
          fails_with(VIR_ERR_SYSTEM_ERROR, virDomainAttachDevice(domain, bridge_interface("lxs-nobridge").c_str())));
    }
  for (int round = 0; round < 5; ++round) {
    // the first link is made, and the second cannot be
    EXPECT_EQ(
        virDomainCreateXML(
            connection_, quiet("half", bridge_interface(bridge_.name()) + bridge_interface("lxs-nobridge")).c_str(), 0),
        nullptr);
  }
  load_.reset();
  EXPECT_TRUE(eventually([&] { return bridge_.ports().empty(); }));
  expect_nothing_stays("L1");
}

TEST_F(LeaksUnderLoad, L2_NoCgroupStaysOfPausedOnesFailedStartsAndCrashes) {
  for (const Domain& domain : start_all()) ASSERT_TRUE(ok(virDomainSuspend(domain)));
  const Figures counted = before_;
  crash();
  for (unsigned i = 0; i < kCrowd; ++i) EXPECT_TRUE(ok(virDomainDestroy(find(i))));
  load_.reset();
  EXPECT_TRUE(eventually([&] { return figures_now().cgroups <= counted.cgroups; })) << describe(figures_now());
  expect_nothing_stays("L2");
}

TEST_F(LeaksUnderLoad, L3_NoStateFileStays) {
  start_all();
  crash();
  for (unsigned i = 0; i < kCrowd; ++i) EXPECT_TRUE(ok(virDomainDestroy(find(i))));
  expect_nothing_stays("L3");  // the load's too, which runs on when its client has lost the daemon
  for (const auto& entry : fs::recursive_directory_iterator(host().daemon()->root() + "/run"))
    EXPECT_EQ(entry.path().filename().string().find(prefix()), std::string::npos) << entry.path();
}

TEST_F(LeaksUnderLoad, L4_NoOldRootStays) {
  start_all();
  crash();
  for (const auto& root : roots_) EXPECT_FALSE(root->has(".oldroot"));
  for (unsigned i = 0; i < kCrowd; ++i) EXPECT_TRUE(ok(virDomainDestroy(find(i))));
  for (const auto& root : roots_) EXPECT_FALSE(root->has(".oldroot"));
  expect_nothing_stays("L4");
}

TEST_F(LeaksUnderLoad, L5_MissingRootsAreNotMade) {
  DomainXml definition = xml("l5");
  definition.root = scratch() + "/l5-root";
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(virDomainCreateXML(connection_, definition.text().c_str(), 0), nullptr);
    EXPECT_NE(last_failure().message.find(definition.root), std::string::npos) << last_failure().message;
  }
  EXPECT_FALSE(exists(definition.root));
  expect_nothing_stays("L5");
}

TEST_F(LeaksUnderLoad, L6_NoMountPointStaysInTheImage) {
  const auto names = [](const Rootfs& root) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(root.path())) found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  };
  std::vector<std::vector<std::string>> images;
  const std::string shared = make_folder("shared");
  std::vector<Domain> running;
  for (unsigned i = 0; i < kCrowd; ++i) {
    images.push_back(names(*roots_[i]));
    DomainXml definition = one(i);
    definition.init = "/bin/sleep";
    definition.arguments = {"100000"};
    definition.devices = mount_filesystem(shared, "/added/by/the/mount");
    running.push_back(define_and_start(definition));
    EXPECT_TRUE(ok(virDomainAttachDevice(running.back(), mount_filesystem(shared, "/added/later").c_str())));
  }
  crash();
  for (unsigned i = 0; i < kCrowd; ++i) {
    if (i % 2 == 0) {
      EXPECT_TRUE(ok(virDomainDetachDevice(find(i), mount_filesystem(shared, "/added/later").c_str())));
    }
    EXPECT_TRUE(ok(virDomainDestroy(find(i))));
    EXPECT_EQ(names(*roots_[i]), images[i]);
  }
  expect_nothing_stays("L6");
}

}  // namespace
}  // namespace soak
