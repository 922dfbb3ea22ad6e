#include "base/cpu_share.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace base {
namespace {

constexpr std::size_t kLarge = 64 * 1024;
constexpr int kSteps = 10;  // a tenth of what others get (sched(7))

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

}  // namespace base
