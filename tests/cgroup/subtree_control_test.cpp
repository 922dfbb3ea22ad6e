#include "cgroup/subtree_control.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "cgroup/text.hpp"
#include "cgroup/tree.hpp"

namespace cgroup {
namespace {

using cgroup_test::Tree;

Mount mount_at(const std::string& path) {
  return {2, path, {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}, "/"};
}

TEST(SubtreeControl, PassesOnFromTheTopWhatContainersUse) {
  const Tree tree = {{"cgroup.subtree_control", ""},
                     {"machine/cgroup.subtree_control", ""},
                     {"machine/x/cgroup.controllers", ""},
                     {"machine/x/cgroup.subtree_control", ""}};
  const auto container = Directory::open(tree.path("machine/x"));
  enable_controllers(mount_at(tree.path()), *container, "/machine/x", {"cpuset"});
  EXPECT_EQ(tree.read("cgroup.subtree_control"), "+cpu +cpuset +io +memory +pids");
  EXPECT_EQ(tree.read("machine/cgroup.subtree_control"), "+cpu +cpuset +io +memory +pids");
  EXPECT_EQ(tree.read("machine/x/cgroup.subtree_control"), "") << "it has none to pass on";
}

TEST(SubtreeControl, WritesOnlyWhatIsMissing) {
  const Tree tree = {{"cgroup.subtree_control", "cpu memory\n"},
                     {"machine/cgroup.subtree_control", "cpu io memory pids\n"},
                     {"machine/x/cgroup.controllers", "cpu io memory\n"},
                     {"machine/x/cgroup.subtree_control", ""}};
  const auto container = Directory::open(tree.path("machine/x"));
  enable_controllers(mount_at(tree.path()), *container, "/machine/x", {});
  EXPECT_EQ(tree.read("cgroup.subtree_control").substr(0, 9), "+io +pids");
  EXPECT_EQ(tree.read("machine/cgroup.subtree_control"), "cpu io memory pids\n");
  EXPECT_EQ(tree.read("machine/x/cgroup.subtree_control"), "+cpu +io +memory");
}

TEST(SubtreeControl, LeavesParentsAloneWhenTheContainerHasAll) {
  const Tree tree = {{"cgroup.subtree_control", ""},
                     {"x/cgroup.controllers", "cpu io memory pids\n"},
                     {"x/cgroup.subtree_control", "cpu io memory pids\n"}};
  enable_controllers(mount_at(tree.path()), *Directory::open(tree.path("x")), "/x", {"memory"});
  EXPECT_EQ(tree.read("cgroup.subtree_control"), "");
}

TEST(SubtreeControl, HostWithoutControllersNeedsNothing) {
  const Tree tree = {{"x/y", ""}};
  const Mount hybrid{2, tree.path(), {"hugetlb"}, "/"};
  EXPECT_NO_THROW(enable_controllers(hybrid, *Directory::open(tree.path("x")), "/x", {}));
}

TEST(SubtreeControl, OnlyNeededOnesMayFail) {
  const Tree tree = {{"x/cgroup.controllers", ""}};  // no cgroup.subtree_control to write to
  const auto container = Directory::open(tree.path("x"));
  EXPECT_NO_THROW(enable_controllers(mount_at(tree.path()), *container, "/x", {}));
  try {
    enable_controllers(mount_at(tree.path()), *container, "/x", {"memory"});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot enable cgroup controller 'memory'"));
  }
}

TEST(SubtreeControl, NamesOfV2) {
  EXPECT_EQ(v2_name("blkio"), "io");
  EXPECT_EQ(v2_name("memory"), "memory");
}

TEST(SubtreeControl, KernelEnablesAndRefuses) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make cgroups";
  const auto hierarchy = Hierarchy::detect();
  const auto v2 = std::find_if(hierarchy.mounts().begin(), hierarchy.mounts().end(),
                               [](const Mount& mount) { return mount.version == 2 && !mount.controllers.empty(); });
  if (v2 == hierarchy.mounts().end()) GTEST_SKIP() << "no controller on cgroup v2 here";
  const std::string controller = v2->controllers.back();
  const std::string before = Directory::open(v2->path)->read("cgroup.subtree_control").value_or("");
  const std::string partition = "/lxcell-test-kern-subtree-" + std::to_string(::getpid());
  const std::string path = partition + "/x";
  std::filesystem::create_directories(v2->path + path);
  {
    const auto container = Directory::open(v2->path + path);
    enable_controllers(*v2, *container, path, {controller});
    EXPECT_THAT(split(container->read("cgroup.controllers").value_or(""), " \n"), testing::Contains(controller));
    EXPECT_THAT(split(container->read("cgroup.subtree_control").value_or(""), " \n"), testing::Contains(controller));
    EXPECT_THROW(enable_controllers(*v2, *container, path, {"lxcell-no-such"}), base::Error);
  }
  std::filesystem::remove(v2->path + path);
  std::filesystem::remove(v2->path + partition);
  const auto had = split(before, " \n");
  const auto root = Directory::open(v2->path);
  for (const auto& name : split(root->read("cgroup.subtree_control").value_or(""), " \n"))
    if (std::find(had.begin(), had.end(), name) == had.end()) root->write("cgroup.subtree_control", "-" + name);
}

}  // namespace
}  // namespace cgroup
