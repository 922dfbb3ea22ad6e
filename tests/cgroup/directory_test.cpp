#include "cgroup/directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "base/error.hpp"
#include "tree.hpp"

namespace cgroup {
namespace {

using cgroup_test::Tree;

TEST(Directory, TellsWhereItIs) {
  const Tree tree{{"machine/one/cgroup.procs", ""}};
  const auto directory = Directory::open(tree.path("machine"))->child("one");
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->path(), tree.path("machine/one"));
  std::filesystem::remove_all(tree.path("machine/one"));
  errno = EBADMSG;
  EXPECT_EQ(directory->path(), tree.path("machine/one") + " (deleted)");
  EXPECT_EQ(errno, EBADMSG);
}

TEST(Directory, NamesTheFileThatItCannotWrite) {
  const Tree tree{{"one/cgroup.procs", ""}};
  const auto directory = Directory::open(tree.path("one"));
  try {
    directory->write("cpu.max", "max");
    FAIL() << "written";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.system_errno(), ENOENT);
    EXPECT_THAT(error.what(), testing::HasSubstr("'max' to '" + tree.path("one") + "/cpu.max'"));
  }
}

TEST(Directory, RemovesWhatIsBelowFirst) {
  const Tree tree{};
  std::filesystem::create_directories(tree.path("machine/one/payload/user.slice"));
  EXPECT_TRUE(Directory::open(tree.path("machine/one"))->remove("one"));
  EXPECT_FALSE(tree.exists("machine/one"));
  EXPECT_TRUE(tree.exists("machine"));
}

TEST(Directory, NeverRemovesAnotherOfItsName) {
  const Tree tree{};
  std::filesystem::create_directories(tree.path("machine/one"));
  const auto directory = Directory::open(tree.path("machine/one"));
  std::filesystem::rename(tree.path("machine/one"), tree.path("machine/two"));
  std::filesystem::create_directory(tree.path("machine/one"));
  EXPECT_TRUE(directory->remove("one"));
  EXPECT_TRUE(tree.exists("machine/one"));
}

}  // namespace
}  // namespace cgroup
