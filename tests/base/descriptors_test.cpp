#include "base/descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/fd.hpp"

namespace base {
namespace {

TEST(Descriptors, LimitIsRaisedAndTheOldOneKnown) {
  rlimit before{}, after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lower{before.rlim_max / 2, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  raise_descriptor_limit();
  EXPECT_EQ(inherited_descriptor_limit().rlim_cur, lower.rlim_cur);
  EXPECT_EQ(inherited_descriptor_limit().rlim_max, lower.rlim_max);
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_GE(after.rlim_cur, before.rlim_max);

  const int middle = static_cast<int>(after.rlim_cur / 2);
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_LT(percent_in_use(file.get()), 50U);
  const Fd high(::fcntl(file.get(), F_DUPFD_CLOEXEC, middle));
  ASSERT_TRUE(high);
  EXPECT_GE(percent_in_use(high.get()), 49U);
  EXPECT_LE(percent_in_use(high.get()), 51U);
  EXPECT_EQ(percent_in_use(-1), 0U);
}

/// How many the table has room for (proc(5), FDSize).
long room() {
  const std::string status = read_file("/proc/self/status");
  return std::strtol(status.c_str() + status.find("FDSize:") + 7, nullptr, 10);
}

TEST(Descriptors, RoomIsMadeAheadAndStays) {
  // A child's table is only as large as it needs to be.
  EXPECT_EXIT(
      {
        const long before = room();
        make_room_for_descriptors(8192);
        const Fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        ::_exit(before < 8192 && room() >= 8192 && next.get() < before ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Descriptors, RoomIsMadeAsFarAsTheLimitAllows) {
  EXPECT_EXIT(
      {
        rlimit few{};
        few.rlim_cur = few.rlim_max = 1000;
        ::setrlimit(RLIMIT_NOFILE, &few);
        make_room_for_descriptors(8192);
        ::_exit(room() >= 1000 && room() < 8192 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace base
