#include "container/low_descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"

namespace container {
namespace {

bool same_file(int a, int b) {
  struct stat one {
  }, other{};
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

TEST(LowDescriptors, HoldCopiesWhileTheyAreLent) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  base::Fd reader(ends[0]), writer(ends[1]);
  LowDescriptors pool(4, 2);
  {
    const auto lease = pool.lend({reader.get(), writer.get()});
    ASSERT_TRUE(lease);
    EXPECT_TRUE(same_file((*lease)[0], reader.get()));
    EXPECT_TRUE(same_file((*lease)[1], writer.get()));
    EXPECT_NE((*lease)[0], (*lease)[1]);
    EXPECT_LE(std::max((*lease)[0], (*lease)[1]), pool.highest());
    EXPECT_EQ(::fcntl((*lease)[0], F_GETFD), FD_CLOEXEC);
    writer.reset();
  }
  char nothing;
  EXPECT_EQ(::read(reader.get(), &nothing, 1), 0) << "the copy of the other end is gone with the lease";
}

TEST(LowDescriptors, AreNotLentTwice) {
  LowDescriptors pool(4, 2);
  auto first = pool.lend({0, 1});
  const auto second = pool.lend({0, 1});
  ASSERT_TRUE(first && second);
  EXPECT_NE((*first)[0], (*second)[0]);
  EXPECT_FALSE(pool.lend({0, 1}));
  const int number = (*first)[0];
  first.reset();
  const auto third = pool.lend({0, 1});
  ASSERT_TRUE(third);
  EXPECT_EQ((*third)[0], number);
}

TEST(LowDescriptors, ADescriptorThatIsNoneIsAnErrorAndNothingIsLost) {
  LowDescriptors pool(4, 1);
  EXPECT_THROW(pool.lend({-1, 0}), base::Error);
  EXPECT_TRUE(pool.lend({0, 1}));
}

}  // namespace
}  // namespace container
