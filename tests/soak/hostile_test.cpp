// Slow and hostile clients: what a well-behaved one waits for its answers beside them, and that nothing of them stays.
//
// Attackers take CPU time from everybody on their machine whomever they attack. What this daemon adds to that is what
// the same attackers at another daemon do not: so there is one, and both figures are shown.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "base/fd.hpp"
#include "soak/attacks.hpp"
#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "support/own_daemon.hpp"

namespace soak {
namespace {

using namespace support;

/// A process of its own, as others' clients are: no lock, memory or session is shared with who is measured.
class Attackers {
 public:
  Attackers(const Attack& attack, const Victim& victim);
  Attackers(const Attackers&) = delete;
  Attackers& operator=(const Attackers&) = delete;
  ~Attackers() { stop(); }
  /// How often they did what they do.
  unsigned long stop();

 private:
  std::string line() const;

  pid_t pid_ = -1;
  base::Fd in_, out_;
  unsigned long done_ = 0;
};

Attackers::Attackers(const Attack& attack, const Victim& victim) {
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  const base::Fd theirs_in(in[0]);
  const base::Fd theirs_out(out[1]);
  in_ = base::Fd(in[1]);
  out_ = base::Fd(out[0]);
  std::vector<std::string> words = {"soak_test",   "--attack",        attack.name,  "--attack-socket",
                                    victim.socket, "--attack-domain", victim.domain};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs_in.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, theirs_out.get(), 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const int failed = ::posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0 || line() != "begun") throw std::runtime_error("cannot start an attacker");
}

std::string Attackers::line() const {
  std::string text;
  for (char byte; ::read(out_.get(), &byte, 1) == 1 && byte != '\n';) text += byte;
  return text;
}

unsigned long Attackers::stop() {
  if (pid_ < 0) return done_;
  in_.reset();
  done_ = std::strtoul(line().c_str(), nullptr, 10);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return done_;
}

struct Latency {
  double median = 0, worst_of_99 = 0;
};

Latency latency(std::vector<double> each) {
  std::ranges::sort(each);
  return {each.at(each.size() / 2), each.at(each.size() * 99 / 100)};
}

/// Clients and daemons are sessions of their own, as on a host where they come from different places: the scheduler
/// shares the CPUs between sessions first (sched(7), autogroup).
std::unique_ptr<Daemon> daemon_in_session(const std::string& name) {
  return std::make_unique<Daemon>(make_folder(name), std::vector<std::string>{}, std::vector<std::string>{"setsid"});
}

class HostileClients : public OwnDaemonTest {
 protected:
  HostileClients() : OwnDaemonTest("victim") {}

  void SetUp() override {
    begin(daemon_in_session("victim"));
    domain_ = start_one(connection_, own_name("victim"));
    other_ = daemon_in_session("other");
    other_->start();
    start_one(Connection(virConnectOpen(other_->uri().c_str())), own_name("victim-other"));
  }

  void TearDown() override {
    other_.reset();
    domain_.reset();
    OwnDaemonTest::TearDown();
  }

  Domain start_one(virConnectPtr connection, const std::string& name) const {
    DomainXml xml;
    xml.name = name;
    xml.root = root_.path();
    Domain domain(virDomainCreateXML(connection, xml.text().c_str(), 0));
    if (!domain) throw std::runtime_error(describe(last_failure()));
    return domain;
  }

  void measure(std::chrono::milliseconds time, std::vector<double>& each) const {
    const auto end = Clock::now() + time;
    while (Clock::now() < end) {
      virDomainInfo info;
      int answer = -1;
      each.push_back(milliseconds_of([&] { answer = virDomainGetInfo(domain_, &info); }));
      ASSERT_EQ(answer, 0) << describe(last_failure());
      // As a tool that polls: the next call does not find the daemon still warm from the last.
      ::poll(nullptr, 0, 1);
    }
  }

  /// How often the attackers did what they do.
  unsigned long measure_beside(const Attack& attack, const Victim& victim, std::chrono::milliseconds time,
                               std::vector<double>& each) const {
    Attackers attackers(attack, victim);
    measure(time, each);
    return attackers.stop();
  }

  void expect_unharmed(const std::string& attack_name) {
    const Attack& attack = find_attack(attack_name);
    const Victim other{other_->socket(), own_name("victim-other")};
    const Victim ours{daemon_->socket(), own_name("victim")};
    // In turns: others' work on the same machine comes and goes.
    constexpr int kTurns = 4;
    const auto time = std::chrono::milliseconds(settings().attack_seconds * 1000 / kTurns);
    std::vector<double> first;
    measure(time, first);
    const Figures before =
        figures(*daemon_);  // after that, for a container's memory is watched only once it runs for a while
    bool unharmed = false;
    for (int attempt = 0; attempt < 3 && !unharmed; ++attempt) {
      std::vector<double> each[3];
      unsigned long done[2] = {0, 0};
      for (int turn = 0; turn < kTurns; ++turn) {
        measure(time, each[0]);
        done[0] += measure_beside(attack, other, time, each[1]);
        done[1] += measure_beside(attack, ours, time, each[2]);
      }
      EXPECT_GT(done[0], 0u);
      EXPECT_GT(done[1], 0u);
      const Latency alone = latency(each[0]);
      const Latency machine = latency(each[1]);
      const Latency beside = latency(each[2]);
      char line[300];
      std::snprintf(
          line, sizeof line,
          "%s: p50 %.3f ms alone, %.3f beside those of another daemon, %.3f beside ours; p99 %.3f, %.3f, %.3f ms; "
          "%zu calls beside %lu",
          attack.what.c_str(), alone.median, machine.median, beside.median, alone.worst_of_99, machine.worst_of_99,
          beside.worst_of_99, each[2].size(), done[1]);
      report(line);
      const auto at_most_doubled = [&](double Latency::*figure, double noise) {
        return beside.*figure <= 2 * std::max(alone.*figure, machine.*figure) + noise * time_scale();
      };
      unharmed = at_most_doubled(&Latency::median, 0.1) && at_most_doubled(&Latency::worst_of_99, 0.5);
    }
    EXPECT_TRUE(unharmed) << attack.what;
    ASSERT_TRUE(daemon_->running()) << daemon_->output();
    expect_no_leak(before, attack.what, 32768, *daemon_);
  }

  const Rootfs root_;
  Domain domain_;
  std::unique_ptr<Daemon> other_;
};

TEST_F(HostileClients, HalfOpen) {
  expect_unharmed("HalfOpen");
}

TEST_F(HostileClients, NeverReading) {
  expect_unharmed("NeverReading");
}

TEST_F(HostileClients, NeverReadingEvents) {
  expect_unharmed("NeverReadingEvents");
}

TEST_F(HostileClients, Flooding) {
  expect_unharmed("Flooding");
}

TEST_F(HostileClients, FloodingByMany) {
  expect_unharmed("FloodingByMany");
}

TEST_F(HostileClients, LargeCalls) {
  expect_unharmed("LargeCalls");
}

TEST_F(HostileClients, DisconnectingInTheMiddle) {
  expect_unharmed("DisconnectingInTheMiddle");
}

TEST_F(HostileClients, TenThousandConnectsASecond) {
  expect_unharmed("TenThousandConnectsASecond");
}

}  // namespace
}  // namespace soak
