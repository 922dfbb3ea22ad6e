#include "base/cpu_share.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

#include "base/short_turns.hpp"

namespace base {
namespace {

struct Attributes {  // sched_setattr(2)
  std::uint32_t size = 0, policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
};

Attributes own() {
  Attributes attributes;
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0), 0);
  return attributes;
}

int priority() {
  return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
}

TEST(LowerShare, IsForWhatIsLargeAndEnds) {
  if (geteuid() != 0) GTEST_SKIP() << "who is not root could not go back";
  const int usual = priority();
  if (usual > 9) GTEST_SKIP() << "there is not much left to lower";
  {
    const LowerShare small(1000);
    EXPECT_EQ(priority(), usual);
    const LowerShare large(100000);
    EXPECT_EQ(priority(), usual + 10);
  }
  EXPECT_EQ(priority(), usual);
}

TEST(ShortTurns, AreThisThreadsAlone) {
  std::thread([] {
    if (own().runtime == 0) GTEST_SKIP() << "the kernel has turns of one length";
    const Attributes usual = own();
    take_short_turns();
    EXPECT_EQ(own().runtime, 100000U);
    EXPECT_EQ(own().nice, usual.nice);
    EXPECT_EQ(own().policy, usual.policy);
    std::thread([&] {
      EXPECT_EQ(own().runtime, usual.runtime);
      EXPECT_EQ(own().nice, usual.nice);
    }).join();
  }).join();
}

}  // namespace
}  // namespace base
