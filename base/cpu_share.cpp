#include "base/cpu_share.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace base {
namespace {

constexpr std::size_t kLarge = 64 * 1024;
constexpr int kSteps = 10;                     // a tenth of what others get (sched(7))
constexpr std::uint64_t kShortTurn = 100'000;  // nanoseconds, the least there is
constexpr std::uint64_t kResetOnFork = 1;

/// sched_setattr(2)'s first version. <linux/sched/types.h> and some C libraries' <sched.h> cannot both be included.
struct SchedulerAttributes {
  std::uint32_t size, policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};

// The kernel's priorities are those of threads, whatever POSIX says (setpriority(2)). Who is not root could not go
// back.
bool add(int steps) {
  const auto thread = static_cast<id_t>(::gettid());
  return ::geteuid() == 0 && ::setpriority(PRIO_PROCESS, thread, ::getpriority(PRIO_PROCESS, thread) + steps) == 0;
}

}  // namespace

LowerShare::LowerShare(std::size_t bytes) noexcept : lowered_(bytes > kLarge && add(kSteps)) {}

LowerShare::~LowerShare() {
  if (lowered_) add(-kSteps);
}

void take_short_turns() noexcept {
  SchedulerAttributes own{};
  if (::syscall(SYS_sched_getattr, 0, &own, sizeof own, 0) != 0) return;
  // Another policy, and a higher priority, which that flag would take from what is started, are an administrator's
  // word.
  if (own.policy != 0 || own.nice < 0) return;
  own.flags = kResetOnFork;
  own.runtime = kShortTurn;
  ::syscall(SYS_sched_setattr, 0, &own, 0);  // an older kernel has no use for it
}

}  // namespace base
