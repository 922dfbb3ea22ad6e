// For the daemon's loop, and for the supervisor, which has no C library: system calls only.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace base {

/// For a thread that has little to do each time it wakes: no more of the CPUs than others, but soon, and in small
/// pieces (sched_setattr(2), Linux 6.12). Threads and processes that it starts are as any other.
inline void take_short_turns() noexcept {
  constexpr std::uint64_t kShortTurn = 100'000;  // nanoseconds, the least there is
  constexpr std::uint64_t kResetOnFork = 1;
  /// sched_setattr(2)'s first version. <linux/sched/types.h> and some C libraries' <sched.h> cannot both be included.
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } own = {};
  if (::syscall(SYS_sched_getattr, 0, &own, sizeof own, 0) != 0) return;
  // Another policy, and a higher priority, which that flag would take from what is started, are an administrator's
  // word.
  if (own.policy != 0 || own.nice < 0) return;
  own.flags = kResetOnFork;
  own.runtime = kShortTurn;
  ::syscall(SYS_sched_setattr, 0, &own, 0);  // an older kernel has no use for it
}

}  // namespace base
