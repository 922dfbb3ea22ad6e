#include "base/descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

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

}  // namespace
}  // namespace base
