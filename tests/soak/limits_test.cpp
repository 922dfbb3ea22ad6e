// How much and how often: starts and stops, running containers, definitions, clients. What is counted before and after
// has to be the same.
#include <libvirt/virterror.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;

class Limits : public SystemTest {
 protected:
  DomainXml small(const std::string& word) const {
    DomainXml one = xml(word, root_);
    one.init = "/bin/sleep";
    one.arguments = {"100000"};
    one.memory_kib = 8192;
    one.consoles = 1;
    one.private_network = false;
    return one;
  }

  const Rootfs root_;
  const Bridge bridge_;
};

/// Each container takes a pseudo-terminal of the host's and one of its own, of those that the whole machine may have
/// (kernel.pty.max). As many more as these take, for as long as this lives; the limit stays where it may not be
/// written.
class RoomForTerminals {
 public:
  explicit RoomForTerminals(unsigned containers) {
    const unsigned long needed = number("nr") + number("reserve") + 2UL * containers + kOthers;
    if (needed <= limit_) return;
    write_text(kFolder + "max", std::to_string(needed));
    raised_ = true;
    report("kernel.pty.max: " + std::to_string(limit_) + " before, " + std::to_string(number("max")) + " for this");
  }
  ~RoomForTerminals() {
    if (raised_) write_text(kFolder + "max", std::to_string(limit_));
  }
  RoomForTerminals(const RoomForTerminals&) = delete;
  RoomForTerminals& operator=(const RoomForTerminals&) = delete;

 private:
  static inline const std::string kFolder = "/proc/sys/kernel/pty/";
  static constexpr unsigned long kOthers = 2000;  // other programs', which come and go
  static unsigned long number(const std::string& file) {
    return std::strtoul(read_text(kFolder + file).c_str(), nullptr, 10);
  }

  const unsigned long limit_ = number("max");
  bool raised_ = false;
};

std::string with_rate(const std::string& what, unsigned long count, double milliseconds) {
  char line[200];
  std::snprintf(line, sizeof line, "%s: %lu in %.1f s, %.2f ms each", what.c_str(), count, milliseconds / 1000,
                count ? milliseconds / static_cast<double>(count) : 0);
  return line;
}

/// Clients that are there all day and ask one thing after the other, unhurried.
class Visitors {
 public:
  Visitors(unsigned count, const std::string& domain) {
    for (unsigned i = 0; i < count; ++i) clients_.push_back(host().connect());
    for (unsigned t = 0; t < kThreads; ++t) threads_.emplace_back([this, t, domain] { ask(t, domain); });
  }
  ~Visitors() {
    over_ = true;
    for (auto& thread : threads_) thread.join();
  }
  Visitors(const Visitors&) = delete;
  Visitors& operator=(const Visitors&) = delete;
  unsigned long answers() const { return answers_; }
  unsigned long failures() const { return failures_; }

 private:
  static constexpr unsigned kThreads = 4;
  void ask(unsigned first, const std::string& name) {
    for (std::size_t i = first; !over_ && first < clients_.size();
         i = i + kThreads < clients_.size() ? i + kThreads : first) {
      const Domain domain(virDomainLookupByName(clients_[i], name.c_str()));
      virDomainInfo info = {};
      ++(domain && virDomainGetInfo(domain, &info) == 0 ? answers_ : failures_);
      ::poll(nullptr, 0, 20);
    }
  }

  std::vector<Connection> clients_;
  std::atomic<bool> over_ = false;
  std::atomic<unsigned long> answers_ = 0, failures_ = 0;
  std::vector<std::thread> threads_;
};

/// The whole of a busy host at once: containers that run, definitions, clients, and starts and stops beside them.
TEST_F(Limits, StartsAndStopsBesideEverythingElseLeaveNothing) {
  const RoomForTerminals room(settings().running + 100);
  {
    const Domain first = create(small("first"));  // some things are made once
    ASSERT_TRUE(ok(virDomainDestroy(first)));
  }
  const Figures empty = figures();
  std::vector<Domain> crowd;
  for (unsigned i = 0; i < settings().running; ++i) crowd.push_back(create(small("beside" + std::to_string(i))));
  report(std::to_string(crowd.size()) + " running: " + describe(figures()));
  for (unsigned i = 0; i < settings().defined; ++i) define(small("defined" + std::to_string(i)));
  report(std::to_string(settings().defined) + " defined: " + describe(figures()));
  {
    const Visitors visitors(settings().connections, own_name("defined0"));
    constexpr unsigned kThreads = 4;
    std::atomic<unsigned long> cycles = 0, failed = 0;
    /// Until `most` of all threads, or the time is over.
    const auto cycle = [&](unsigned long most) {
      const auto end = Clock::now() + std::chrono::seconds(settings().cycle_seconds);
      std::vector<std::thread> threads;
      for (unsigned t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
          const Connection connection = host().connect();
          DomainXml one = small("cycle" + std::to_string(t));
          one.uuid = "50a50a50-0000-4000-9000-00000000000" + std::to_string(t);
          one.devices = bridge_interface(bridge_.name());
          const Domain domain(virDomainDefineXML(connection, one.text().c_str()));
          EXPECT_TRUE(domain) << describe(last_failure());
          while (failed == 0 && (settings().cycle_seconds == 0 || Clock::now() < end) && cycles++ < most) {
            if (virDomainCreate(domain) == 0 && virDomainDestroy(domain) == 0) continue;
            ++failed;
            report("a start or stop failed: " + describe(last_failure()));
          }
        });
      // What is seen meanwhile: whether anything grows, long before the end.
      std::atomic<bool> over = false;
      std::thread teller([&] {
        for (auto next = Clock::now() + std::chrono::minutes(5); !over; ::poll(nullptr, 0, 100)) {
          if (Clock::now() < next) continue;
          next += std::chrono::minutes(5);
          report("after " + std::to_string(cycles) + " starts and stops: " + describe(figures_now()));
        }
      });
      for (auto& thread : threads) thread.join();
      over = true;
      teller.join();
    };
    cycle(80);  // until what is made once is made
    const Figures before = figures();
    cycles = 0;
    const double took = milliseconds_of([&] { cycle(settings().cycles); });
    const unsigned long done = std::min<unsigned long>(cycles, settings().cycles);
    report(with_rate("starts and stops", done, took));
    EXPECT_EQ(failed, 0U);
    expect_no_leak(before, std::to_string(done) + " starts and stops", 16384);
    report(std::to_string(visitors.answers()) + " answers to " + std::to_string(settings().connections) +
           " clients meanwhile");
    EXPECT_EQ(visitors.failures(), 0U);
    EXPECT_GT(visitors.answers(), 0U);
  }
  crowd.clear();
  remove_own_domains(connection_);
  expect_no_leak(empty, "all of it", 262144);
}

TEST_F(Limits, ManyContainersRunAtTheSameTime) {
  const RoomForTerminals room(settings().running);
  std::vector<Domain> crowd;
  const Figures before = figures();
  const double started = milliseconds_of([&] {
    for (unsigned i = 0; i < settings().running; ++i) {
      crowd.push_back(create(small("run" + std::to_string(i))));
      ASSERT_TRUE(crowd.back());
    }
  });
  report(with_rate("starts", settings().running, started));
  report(std::to_string(settings().running) + " running: " + describe(figures()));
  virDomainStatsRecordPtr* all = nullptr;
  int count = 0;
  report(with_rate("statistics of all", 1, milliseconds_of([&] {
                     count =
                         virConnectGetAllDomainStats(connection_, 0, &all, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE);
                   })));
  EXPECT_EQ(count, static_cast<int>(settings().running)) << describe(last_failure());
  if (count >= 0) virDomainStatsRecordListFree(all);
  NEEDS_OWN_DAEMON();
  host().daemon()->kill();
  report(with_rate("found again after SIGKILL", settings().running, milliseconds_of([] { host().daemon()->start(); })));
  const Connection again = host().connect();
  EXPECT_EQ(virConnectNumOfDomains(again), static_cast<int>(settings().running));
  const double ended = milliseconds_of([&] {
    for (const auto& one : crowd) {
      const Domain found(virDomainLookupByName(again, virDomainGetName(one)));
      EXPECT_TRUE(found && virDomainDestroy(found) == 0) << describe(last_failure());
    }
  });
  report(with_rate("stops", settings().running, ended));
  crowd.clear();
  connection_ = host().connect();
  expect_no_leak(before, std::to_string(settings().running) + " containers", 65536);
}

TEST_F(Limits, ManyDomainsAreDefined) {
  std::vector<std::string> names;
  const Figures before = figures();
  report(with_rate("definitions", settings().defined, milliseconds_of([&] {
                     for (unsigned i = 0; i < settings().defined; ++i) {
                       names.push_back(own_name("def" + std::to_string(i)));
                       define(small("def" + std::to_string(i)));
                     }
                   })));
  const auto listed = [](virConnectPtr connection) {
    virDomainPtr* all = nullptr;
    const int count = virConnectListAllDomains(connection, &all, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
    for (int i = 0; i < count; ++i) virDomainFree(all[i]);
    free(all);
    return count;
  };
  EXPECT_EQ(listed(connection_), static_cast<int>(settings().defined));
  report(with_rate("list of all", 1, milliseconds_of([&] { listed(connection_); })));
  ASSERT_EQ(host().daemon()->stop(), 0);
  report(with_rate("loaded by a new daemon", settings().defined, milliseconds_of([] { host().daemon()->start(); })));
  connection_ = host().connect();
  EXPECT_EQ(listed(connection_), static_cast<int>(settings().defined));
  report(with_rate("ends of definitions", settings().defined, milliseconds_of([&] {
                     for (const auto& name : names) {
                       const Domain domain(virDomainLookupByName(connection_, name.c_str()));
                       ASSERT_TRUE(domain && virDomainUndefine(domain) == 0) << describe(last_failure());
                     }
                   })));
  expect_no_leak(before, std::to_string(settings().defined) + " definitions", 65536);
}

TEST_F(Limits, ManyClientsAreConnected) {
  const Domain domain = define(small("asked"));
  const Figures before = figures();
  std::vector<Connection> clients;
  report(with_rate("connections", settings().connections, milliseconds_of([&] {
                     for (unsigned i = 0; i < settings().connections; ++i) clients.push_back(host().connect());
                   })));
  report(std::to_string(settings().connections) + " connected: " + describe(figures()));
  constexpr unsigned kThreads = 8, kRounds = 5;
  std::atomic<unsigned> answers = 0;
  const double took = milliseconds_of([&] {
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (unsigned round = 0; round < kRounds; ++round)
          for (std::size_t i = t; i < clients.size(); i += kThreads)
            answers += Domain(virDomainLookupByName(clients[i], virDomainGetName(domain))) ? 1 : 0;
      });
    for (auto& thread : threads) thread.join();
  });
  EXPECT_EQ(answers, settings().connections * kRounds);
  report(with_rate("lookups by all of them in turn", answers, took));
  clients.clear();
  expect_no_leak(before, std::to_string(settings().connections) + " clients", 65536);
}

}  // namespace
}  // namespace soak
