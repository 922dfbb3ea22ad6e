#include "rpc/lower_share.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace rpc {
namespace {

constexpr int kSteps = 10;  // a tenth of what others get (sched(7))

// The kernel's priorities are those of threads, whatever POSIX says (setpriority(2)). Who is not root could not go
// back.
bool add(int steps) {
  const auto thread = static_cast<id_t>(::gettid());
  return ::geteuid() == 0 && ::setpriority(PRIO_PROCESS, thread, ::getpriority(PRIO_PROCESS, thread) + steps) == 0;
}

}  // namespace

LowerShare::LowerShare(bool lower) noexcept : lowered_(lower && add(kSteps)) {}

LowerShare::~LowerShare() {
  if (lowered_) add(-kSteps);
}

}  // namespace rpc
