// Many clients at once, checked by an oracle: every answer and every event has to fit some order of the calls.
#include <libvirt/virterror.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "soak/client.hpp"
#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;
using std::chrono::seconds;

constexpr unsigned kShared = 6;
constexpr seconds kRound{5};
constexpr seconds kStuck{60};  // longer than a call may wait for another's job

class Watcher {
 public:
  explicit Watcher(const std::vector<std::unique_ptr<Client>>& clients)
      : clients_(clients), thread_([this] { run(); }) {}
  ~Watcher() {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  /// A call that never returns would stop the test with it: what every thread of the daemon waits for is printed, and
  /// the daemon is killed, which ends the calls.
  void run() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, seconds(1), [this] { return over_; })) {
      for (const auto& client : clients_) {
        const std::string stuck = client->under_way(scaled(kStuck));
        if (stuck.empty()) continue;
        ADD_FAILURE() << stuck << ": stuck\n"
                      << shell("for t in /proc/" + std::to_string(host().daemon()->pid()) +
                               "/task/*; do cat $t/comm $t/wchan; echo; done")
                             .text;
        ::kill(host().daemon()->pid(), SIGKILL);
        return;
      }
    }
  }

  const std::vector<std::unique_ptr<Client>>& clients_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

class Concurrency : public SystemTest {
 protected:
  Concurrency() {
    for (int i = 0; i < 2; ++i) extra_.push_back(make_folder("extra"));
    for (unsigned i = 0; i < settings().clients + kShared; ++i) {
      const bool shared = i >= settings().clients;
      char mac[32], uuid[64];
      std::snprintf(mac, sizeof mac, "52:54:00:5a:%02x:0", i);
      std::snprintf(uuid, sizeof uuid, "50a50a50-0000-4000-8000-%012x", i);
      Target target{
          own_name((shared ? "shared" : "own") + std::to_string(i)), uuid, root_.path(), "", mac, extra_, shared};
      if (i % 2 == 0) target.bridge = bridge_.name();
      targets_.push_back(std::move(target));
    }
  }

  std::vector<Told> take_events(const EventCollector& events, const std::string& name) {
    std::vector<Told> fresh;
    const auto all = events.events(name);
    for (std::size_t& at = heard_[name]; at < all.size(); ++at) fresh.push_back({all[at].type, all[at].detail});
    return fresh;
  }

  const Rootfs root_;
  const Bridge bridge_;
  std::vector<std::string> extra_;
  std::vector<Target> targets_;
  std::map<std::string, std::size_t> heard_;
};

void print(const std::vector<std::unique_ptr<Client>>& clients) {
  Timings sum;
  for (const auto& client : clients)
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const Timing& one = client->timings()[i];
      sum[i].calls += one.calls;
      sum[i].failed += one.failed;
      sum[i].total_ms += one.total_ms;
      sum[i].worst_ms = std::max(sum[i].worst_ms, one.worst_ms);
    }
  for (std::size_t i = 0; i < sum.size(); ++i) {
    char line[160];
    std::snprintf(line, sizeof line, "%-22s %8lu calls, %7lu refused, mean %8.1f ms, worst %8.1f ms",
                  name_of(static_cast<Kind>(i)), sum[i].calls, sum[i].failed,
                  sum[i].calls ? sum[i].total_ms / static_cast<double>(sum[i].calls) : 0, sum[i].worst_ms);
    report(line);
  }
}

// The oracle itself: what it has to accept, and what it must not.
TEST(Oracle, AStartedDomainMayBeGoneBeforeItsClientLooks) {
  const Clock::time_point begin = Clock::now();
  const auto call = [&](unsigned client, Kind kind, Answer answer = {}) {
    return Call{.client = client,
                .operation = {kind, 100},
                .answer = std::move(answer),
                .begin = begin,
                .end = begin + std::chrono::milliseconds(client + 1)};
  };
  const Answer looked_up{.error = VIR_ERR_NO_DOMAIN, .message = "Domain not found: no domain with matching uuid 'U'"};
  const Answer never_there{.error = VIR_ERR_NO_DOMAIN, .message = looked_up.message + " (N)"};
  const std::vector<Told> ran = {{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED},
                                 {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED},
                                 {VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED}};
  const auto judge = [&](const Answer& of_create, const std::vector<Told>& events) {
    Oracle oracle("N");
    EXPECT_EQ(oracle.judge({call(0, Kind::Define)}, {{VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_ADDED}}), "");
    return oracle.judge({call(0, Kind::Create, of_create), call(1, Kind::Destroy), call(2, Kind::Undefine)}, events);
  };
  EXPECT_EQ(judge(looked_up, ran), "");
  EXPECT_NE(judge(never_there, ran), "");
  EXPECT_NE(judge(looked_up, {ran.back()}), "");
}

TEST_F(Concurrency, EveryAnswerAndEventFitsSomeOrderOfTheCalls) {
  {
    const Domain first = create(xml("first", root_));  // some things are made once
    ASSERT_TRUE(ok(virDomainDestroy(first)));
  }
  const Figures before = figures();
  EventCollector events(connection_);
  std::vector<Oracle> oracles;
  for (const auto& target : targets_) {
    oracles.emplace_back(target.name);
    ASSERT_TRUE(Domain(virDomainDefineXML(connection_, target.xml(100).c_str()))) << describe(last_failure());
  }
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned i = 0; i < settings().clients; ++i)
    clients.push_back(std::make_unique<Client>(i, settings().seed, host().uri(), targets_));
  // The definitions above, as the oracle has to know of them.
  for (std::size_t i = 0; i < targets_.size(); ++i) clients[i % clients.size()]->call(i, {Kind::Define, 100});
  ASSERT_TRUE(events.drain());
  for (const auto& target : targets_) take_events(events, target.name);
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const auto calls = clients[i % clients.size()]->take(i);
    ASSERT_EQ(oracles[i].judge(calls, {{VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_ADDED}}), "");
  }
  std::optional<Watcher> watcher(std::in_place, clients);
  unsigned long judged = 0, told = 0, rounds = 0;
  const auto end = Clock::now() + seconds(settings().seconds);
  bool right = true;
  while (right && Clock::now() < end) {
    const auto round_end = std::min(end, Clock::now() + kRound);
    std::vector<std::thread> threads;
    threads.reserve(clients.size());
    for (const auto& client : clients) threads.emplace_back([&] { client->work(round_end); });
    for (auto& thread : threads) thread.join();
    ASSERT_TRUE(host().daemon()->running()) << host().daemon()->output();
    ASSERT_TRUE(events.drain());
    ++rounds;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      std::vector<Call> calls;
      for (const auto& client : clients)
        for (auto& call : client->take(i)) calls.push_back(std::move(call));
      const auto fresh = take_events(events, targets_[i].name);
      judged += calls.size();
      told += fresh.size();
      const std::string wrong = oracles[i].judge(std::move(calls), fresh);
      EXPECT_EQ(wrong, "");
      right = right && wrong.empty();
    }
    for (const auto& target : targets_) {
      const Domain domain(virDomainLookupByName(connection_, target.name.c_str()));
      EXPECT_TRUE(eventually([&] {
        virDomainControlInfo info = {};
        return !domain || virDomainGetControlInfo(domain, &info, 0) < 0 || info.state == VIR_DOMAIN_CONTROL_OK;
      })) << target.name
          << ": its job does not end";
    }
  }
  std::size_t width = 0;
  for (std::size_t i = 0; right && i < targets_.size(); ++i) {
    std::string wrong;
    // What init was told to do before the last call may be done, and told, any time later.
    eventually([&] { return (wrong = oracles[i].conclude(take_events(events, targets_[i].name))).empty(); });
    EXPECT_EQ(wrong, "");
    width = std::max(width, oracles[i].width());
  }
  print(clients);
  report(std::to_string(settings().clients) + " clients, seed " + std::to_string(settings().seed) + ", " +
         std::to_string(settings().seconds) + " s: " + std::to_string(judged) + " calls and " + std::to_string(told) +
         " events judged in " + std::to_string(rounds) + " rounds, at most " + std::to_string(width) +
         " explanations at a time");
  watcher.reset();
  clients.clear();
  remove_own_domains(connection_);
  expect_no_leak(before, "random calls", 32768);
}

}  // namespace
}  // namespace soak
