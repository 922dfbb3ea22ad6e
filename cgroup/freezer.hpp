// Stops and continues every process in a cgroup directory, on either hierarchy version.
#pragma once

#include <chrono>
#include <string>

#include "cgroup/directory.hpp"

namespace cgroup {

/// Waits until everything is frozen. Throws OperationFailed when `limit` passes first, and thaws then.
void freeze(const Directory& directory, int version, std::chrono::milliseconds limit);
void thaw(const Directory& directory, int version);
bool is_frozen(const Directory& directory, int version);

/// Text of an open cgroup.events; empty once the cgroup is gone. From here on the next change wakes a poll.
std::string read_events(int events);

/// Waits for something to happen in a cgroup, a little longer each time, 50 µs at first. v1 has no events; v2 has, but
/// holds back one that follows another within 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV), so the event only ends a wait early.
class Backoff {
 public:
  explicit Backoff(std::chrono::microseconds longest) : longest_(longest) {}
  /// `events` is an open cgroup.events after read_events(), or -1.
  void wait(int events);

 private:
  std::chrono::microseconds next_{50}, longest_;
};

}  // namespace cgroup
