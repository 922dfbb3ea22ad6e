// How a thread stands with others that want the CPUs: whoever waits for a short answer comes first.
#pragma once

#include <cstddef>

namespace base {

/// Less of the CPUs for this thread while it works on a large text. No thread or process may be started meanwhile: it
/// would have as little, for good.
class LowerShare {
 public:
  /// Without effect for what is not large.
  explicit LowerShare(std::size_t bytes) noexcept;
  ~LowerShare();
  LowerShare(const LowerShare&) = delete;
  LowerShare& operator=(const LowerShare&) = delete;

 private:
  bool lowered_ = false;
};

/// For a thread that has little to do each time it wakes: no more of the CPUs than others, but soon, and in small
/// pieces (sched_setattr(2), Linux 6.12). Threads and processes that it starts are as any other.
void take_short_turns() noexcept;

}  // namespace base
