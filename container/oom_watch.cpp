#include "container/oom_watch.hpp"

#include <utility>

#include "base/log.hpp"
#include "container/container_log.hpp"

namespace container {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBeginAfter{100};
constexpr milliseconds kBetweenLines{1000};
constexpr milliseconds kBelongsTogether{2000};  // a kill of init and its end, as the supervisor tells of it
// v1 says so before it counts, and who is to be killed may have to wait for a processor; five looks, 6.8 s in all.
constexpr milliseconds kFirstLook{20};
constexpr int kLooks = 5, kSlower = 4;

}  // namespace

OomReport::OomReport(std::string name, std::string log_path, cgroup::OomSource source, std::uint64_t told)
    : name_(std::move(name)), log_path_(std::move(log_path)), source_(std::move(source)), told_(told) {}

void OomReport::write_line(std::uint64_t kills) {
  const std::uint64_t fresh = kills - std::exchange(told_, kills);
  last_kill_ = Clock::now();
  const std::string what = std::to_string(fresh) + (fresh == 1 ? " process was" : " processes were") + " killed (" +
                           std::to_string(kills) + " since it started)";
  base::log::warning("domain '{}' ran out of memory: {}", name_, what);
  append_to_log(log_path_, "out of memory: " + what);
}

OomReport::Outcome OomReport::tell(std::uint64_t kills) {
  const std::scoped_lock lock(mutex_);
  if (kills <= told_) return Outcome::Nothing;
  if (last_kill_ && Clock::now() - *last_kill_ < kBetweenLines) return Outcome::TooSoon;
  write_line(kills);
  return Outcome::Told;
}

bool OomReport::tell_at_end() {
  const auto kills = cgroup::count_oom_kills(source_);
  const std::scoped_lock lock(mutex_);
  if (kills && *kills > told_) write_line(*kills);
  return last_kill_ && Clock::now() - *last_kill_ < kBelongsTogether;
}

OomWatch::OomWatch(base::EventLoop& loop, std::shared_ptr<OomReport> report) : loop_(loop), report_(std::move(report)) {
  timer_ = loop_.after(kBeginAfter, [this] { begin(); });
}

void OomWatch::begin() {
  timer_ = {};
  events_ = cgroup::OomEvents::open(report_->source());
  if (!events_) return;  // unlimited, or ended by now
  event_watch_ = loop_.on_fd(events_->fd(), events_->poll_events(), [this](std::uint32_t) { on_event(); });
  look(kLooks);
}

void OomWatch::on_event() {
  if (!timer_) return look(0);
  again_ = true;
  if (!events_->take()) stop();
}

void OomWatch::look(int attempt) {
  const auto kills = events_->take();
  if (!kills) return stop();
  if (std::exchange(again_, false)) attempt = 0;
  const auto outcome = report_->tell(*kills);
  if (outcome == OomReport::Outcome::TooSoon) return look_again(kBetweenLines, kLooks);
  if (outcome == OomReport::Outcome::Told || !events_->comes_early() || attempt >= kLooks) return;
  milliseconds delay = kFirstLook;
  for (int i = 0; i < attempt; i++) delay *= kSlower;
  look_again(delay, attempt + 1);
}

void OomWatch::look_again(milliseconds delay, int attempt) {
  timer_ = loop_.after(delay, [this, attempt] {
    timer_ = {};
    look(attempt);
  });
}

void OomWatch::stop() {
  event_watch_ = {};
  timer_ = {};
}

}  // namespace container
