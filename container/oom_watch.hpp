// Tells of a container's processes that the kernel's OOM killer has killed: a line in the daemon's log and one in the
// container's own, at most one a second however often it happens inside.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/event_loop.hpp"
#include "cgroup/oom_events.hpp"

namespace container {

/// What has been told of so far. Any thread.
class OomReport {
 public:
  /// `told`: kills that are nobody's news any more.
  OomReport(std::string name, std::string log_path, cgroup::OomSource source, std::uint64_t told);

  enum class Outcome { Nothing, Told, TooSoon };
  Outcome tell(std::uint64_t kills);
  /// Looks for the last time; true if a process was killed within the last moments, so that init's SIGKILL was the
  /// kernel's.
  bool tell_at_end();
  const cgroup::OomSource& source() const { return source_; }

 private:
  using Clock = std::chrono::steady_clock;
  void write_line(std::uint64_t kills);
  const std::string name_, log_path_;
  const cgroup::OomSource source_;
  std::mutex mutex_;
  std::uint64_t told_;
  std::optional<Clock::time_point> last_kill_;  // as far as we have seen
};

/// Waits for the kernel's word. Loop thread only.
class OomWatch {
 public:
  /// Begins a moment later, when the reply to the start is out; what happened until then is told too.
  OomWatch(base::EventLoop& loop, std::shared_ptr<OomReport> report);

 private:
  void begin();
  void on_event();
  void look(int attempt);
  void look_again(std::chrono::milliseconds delay, int attempt);
  void stop();

  base::EventLoop& loop_;
  std::shared_ptr<OomReport> report_;
  std::optional<cgroup::OomEvents> events_;
  bool again_ = false;               // an event came while a look was planned
  base::Watch event_watch_, timer_;  // last, so that they end before what they watch
};

}  // namespace container
