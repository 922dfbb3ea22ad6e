// The mount namespace that containers start from. Needs root.
#include "container/empty_root.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"

namespace container::test {
namespace {

/// In a thread of its own, whose root and mounts may change.
template <typename Work>
void apart(Work work) {
  std::thread([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    work();
  }).join();
}

class EmptyRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(EmptyRoot, HasOneDirectoryAndTakesNothing) {
  const base::Fd made = make_empty_root();
  apart([&] {
    ASSERT_EQ(::setns(made.get(), CLONE_NEWNS), 0);
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/")) names.push_back(entry.path());
    EXPECT_THAT(names, ::testing::ElementsAre("/own-view"));
    EXPECT_EQ(::mkdir("/more", 0700), -1);
    EXPECT_EQ(errno, EROFS);
  });
}

// There the namespace's own root would be the host's.
TEST_F(EmptyRoot, IsNotMadeInAChroot) {
  apart([] {
    // A mount of its own, as pivot_root(2) asks for; "/usr" is any directory.
    ASSERT_EQ(::mount("/", "/usr", nullptr, MS_BIND | MS_REC, nullptr), 0);
    ASSERT_EQ(::chroot("/usr"), 0);
    try {
      make_empty_root();
      ADD_FAILURE() << "made";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::OperationUnsupported) << error.what();
    }
  });
}

}  // namespace
}  // namespace container::test
