// Group on directories of literal files: what it writes where, and that failure leaves nothing behind.
#include "cgroup/group.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/error.hpp"
#include "tree.hpp"

namespace cgroup {
namespace {

using cgroup_test::Tree;
using std::chrono::milliseconds;

Hierarchy v1_and_v2(const Tree& tree) {
  const std::string root = tree.path();
  return Hierarchy::parse("1 0 0:1 / " + root + "/memory rw - cgroup cgroup rw,memory\n" +        //
                              "2 0 0:2 / " + root + "/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" +  //
                              "3 0 0:3 / " + root + "/freezer rw - cgroup cgroup rw,freezer\n" +  //
                              "4 0 0:4 / " + root + "/net_cls rw - cgroup cgroup rw,net_cls\n" +  //
                              "5 0 0:5 / " + root + "/unified rw - cgroup2 cgroup2 rw\n",
                          "4:net_cls:/\n3:freezer:/\n2:cpu,cpuacct:/\n1:memory:/\n0::/\n", "");
}

Hierarchy v2_only(const Tree& tree) {
  return Hierarchy::parse("5 0 0:5 / " + tree.path() + " rw - cgroup2 cgroup2 rw\n", "0::/\n", "cpu io memory pids\n");
}

Tree empty_mounts() {
  return {{"memory/tasks", ""},
          {"cpu/tasks", ""},
          {"freezer/tasks", ""},
          {"net_cls/tasks", ""},
          {"unified/cgroup.procs", ""}};
}

TEST(Group, MakesDirectoriesInEveryHierarchyInUse) {
  const Tree tree = empty_mounts();
  const Group group = Group::create(v1_and_v2(tree), "/machine/prod", "lxc-1-web", {});
  EXPECT_EQ(group.path(), "/machine/prod/lxc-1-web");
  for (const char* mount : {"memory", "cpu", "freezer"}) {
    EXPECT_TRUE(tree.exists(std::string(mount) + "/machine/prod/lxc-1-web/payload")) << mount;
    EXPECT_FALSE(tree.exists(std::string(mount) + "/machine/prod/lxc-1-web/supervisor")) << mount;
  }
  EXPECT_TRUE(tree.exists("unified/machine/prod/lxc-1-web/payload"));
  EXPECT_TRUE(tree.exists("unified/machine/prod/lxc-1-web/supervisor"));
  EXPECT_FALSE(tree.exists("net_cls/machine"));
  ASSERT_EQ(group.mounts().size(), 4U);
  ASSERT_EQ(group.payload_directories().size(), 4U);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(group.payload_directories()[i], group.mounts()[i].path + "/machine/prod/lxc-1-web/payload");
}

TEST(Group, InStepsWhatIsJoinedFirstComesFirst) {
  const Tree tree = empty_mounts();
  {
    Group group = Group::begin(v1_and_v2(tree), "/machine", "one");
    EXPECT_TRUE(tree.exists("unified/machine/one/supervisor"));
    EXPECT_TRUE(tree.exists("unified/machine/one/payload"));
    EXPECT_TRUE(group.supervisor_directory());
    EXPECT_TRUE(group.payload_directory());
    EXPECT_FALSE(tree.exists("memory/machine/one"));
    group.add_memory();
    EXPECT_TRUE(tree.exists("memory/machine/one"));
    EXPECT_FALSE(tree.exists("cpu/machine/one"));
  }
  EXPECT_FALSE(tree.exists("unified/machine/one")) << "given up half way";
  EXPECT_FALSE(tree.exists("memory/machine/one"));
  Group group = Group::begin(v1_and_v2(tree), "/machine", "one");
  group.add_memory();
  group.complete({});
  EXPECT_TRUE(tree.exists("memory/machine/one/payload"));
  EXPECT_TRUE(tree.exists("cpu/machine/one/payload"));
}

TEST(Group, DestructorRemovesUnlessReleased) {
  const Tree tree = empty_mounts();
  { const Group group = Group::create(v1_and_v2(tree), "/machine", "one", {}); }
  EXPECT_FALSE(tree.exists("memory/machine/one"));
  EXPECT_TRUE(tree.exists("memory/machine")) << "partitions are shared";
  {
    Group group = Group::create(v1_and_v2(tree), "machine/", "two", {});
    EXPECT_EQ(group.path(), "/machine/two");
    group.release();
  }
  EXPECT_TRUE(tree.exists("memory/machine/two/payload"));
  { const auto found = Group::open(v1_and_v2(tree), "/machine", "two"); }
  EXPECT_TRUE(tree.exists("memory/machine/two/payload")) << "one found is not owned";
  auto found = Group::open(v1_and_v2(tree), "/machine", "two");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->remove(milliseconds(0)));
  EXPECT_FALSE(tree.exists("memory/machine/two"));
  EXPECT_FALSE(tree.exists("unified/machine/two"));
  EXPECT_FALSE(Group::open(v1_and_v2(tree), "/machine", "two"));
}

TEST(Group, L2_FailureWhileApplyingLimitsLeavesNothing) {
  const Tree tree = empty_mounts();
  Limits limits;
  limits.cpu_shares = 512;  // a plain directory has no cpu.shares to write to
  try {
    Group::create(v1_and_v2(tree), "/machine", "one", limits);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::SystemError);
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot write '512' to '" + tree.path("cpu/machine/one/cpu.shares")));
  }
  for (const char* mount : {"memory", "cpu", "freezer", "unified"})
    EXPECT_FALSE(tree.exists(std::string(mount) + "/machine/one")) << mount;
}

TEST(Group, LimitWithoutItsControllerIsRefusedByName) {
  const Tree tree = empty_mounts();
  Limits limits;
  limits.pids_max = 10;
  try {
    Group::create(v1_and_v2(tree), "/machine", "one", limits);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::OperationInvalid);
    EXPECT_THAT(error.what(), testing::HasSubstr("'pids'"));
  }
  EXPECT_FALSE(tree.exists("memory/machine/one"));
}

TEST(Group, KillsBelowThePayloadCountOnV1) {
  const Tree tree = empty_mounts();
  const Group group = Group::create(v1_and_v2(tree), "/machine", "one", {});
  tree.write("memory/machine/one/payload/memory.oom_control", "under_oom 0\noom_kill 2\n");
  EXPECT_EQ(group.usage(Ask::MemoryDetails).oom_kills, 2U);
  tree.write("memory/machine/one/payload/service/memory.oom_control", "under_oom 0\noom_kill 5\n");
  EXPECT_EQ(group.usage(Ask::MemoryDetails).oom_kills, 7U);
}

TEST(Group, HalfAChangeIsTakenBack) {
  const Tree tree = empty_mounts();
  Group group = Group::create(v1_and_v2(tree), "/machine", "one", {});
  tree.write("cpu/machine/one/cpu.shares", "700\n");
  Limits limits;
  limits.cpu_shares = 512;
  limits.cpu_period_us = 50000;  // there is no file for it
  EXPECT_THROW(group.update(limits), base::Error);
  EXPECT_EQ(group.limits().cpu_shares, 700U);
  std::filesystem::remove(tree.path("cpu/machine/one/cpu.shares"));
}

TEST(Group, NamesCannotLeaveTheMount) {
  const Tree tree = empty_mounts();
  for (const char* leaf : {"", ".", "..", "a/b"})
    EXPECT_THROW(Group::create(v1_and_v2(tree), "/machine", leaf, {}), base::Error);
  EXPECT_THROW(Group::create(v1_and_v2(tree), "/machine/../..", "x", {}), base::Error);
  EXPECT_THROW(Group::open(v1_and_v2(tree), "/machine/..", "x"), base::Error);
}

TEST(Group, HostWithoutCgroups) {
  EXPECT_THROW(Group::create(Hierarchy(), "/machine", "x", {}), base::Error);
}

TEST(Group, G11_MissingPartitionsAreMade) {
  const Tree tree = empty_mounts();
  const Group group = Group::create(v1_and_v2(tree), "/a/b/c", "x", {});
  EXPECT_TRUE(tree.exists("unified/a/b/c/x"));
}

TEST(Group, LeftOverWithoutProcessesIsMadeAnew) {
  const Tree tree = empty_mounts();
  std::filesystem::create_directories(tree.path("memory/machine/one/payload/deep"));
  const Group group = Group::create(v1_and_v2(tree), "/machine", "one", {});
  EXPECT_TRUE(tree.exists("memory/machine/one/payload"));
  EXPECT_FALSE(tree.exists("memory/machine/one/payload/deep"));
}

TEST(Group, LiveNamesakeIsRefusedAndLeftAlone) {
  const Tree tree = empty_mounts();
  tree.write("freezer/machine/one/payload/cgroup.procs", "1234\n");
  std::filesystem::create_directories(tree.path("cpu/machine/one/payload"));
  try {
    Group::create(v1_and_v2(tree), "/machine", "one", {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::OperationFailed);
    EXPECT_THAT(error.what(), testing::HasSubstr("already exists and has processes"));
  }
  EXPECT_EQ(tree.read("freezer/machine/one/payload/cgroup.procs"), "1234\n");
  EXPECT_TRUE(tree.exists("cpu/machine/one/payload")) << "empty in one hierarchy, but part of a live group";
  EXPECT_FALSE(tree.exists("memory/machine/one"));
}

TEST(Group, RemoveTakesWhatItCanAndSaysBusy) {
  const Tree tree = empty_mounts();
  Group group = Group::create(v1_and_v2(tree), "/machine", "one", {});
  tree.write("memory/machine/one/payload/held", "");  // a file keeps a plain directory as a process keeps a cgroup
  EXPECT_FALSE(group.remove(milliseconds(3)));
  EXPECT_TRUE(tree.exists("memory/machine/one/payload"));
  EXPECT_FALSE(tree.exists("cpu/machine/one"));
  EXPECT_FALSE(tree.exists("unified/machine/one"));
  std::filesystem::remove(tree.path("memory/machine/one/payload/held"));
  EXPECT_TRUE(group.remove(milliseconds(3)));
  EXPECT_FALSE(tree.exists("memory/machine/one"));
}

TEST(Group, WaysInOfV1AndV2) {
  const Tree tree = empty_mounts();
  const Group group = Group::create(v1_and_v2(tree), "/machine", "one", {});
  for (const char* name : {"memory", "cpu", "freezer"})
    for (const char* leaf : {"", "/payload"}) tree.write(name + std::string("/machine/one") + leaf + "/tasks", "");
  const auto link = [](const base::Fd& fd) {
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd.get())).string();
  };
  EXPECT_EQ(link(group.supervisor_directory()), tree.path("unified/machine/one/supervisor"));
  EXPECT_EQ(link(group.payload_directory()), tree.path("unified/machine/one/payload"));
  const auto supervisor = group.supervisor_tasks();
  ASSERT_EQ(supervisor.size(), 3U);
  for (const auto& file : supervisor) EXPECT_THAT(link(file), testing::EndsWith("/machine/one/tasks"));
  const auto payload = group.payload_tasks();
  ASSERT_EQ(payload.size(), 3U);
  for (const auto& file : payload) EXPECT_THAT(link(file), testing::EndsWith("/machine/one/payload/tasks"));
  for (const auto& file :
       {"memory/machine/one/tasks", "memory/machine/one/payload/tasks", "cpu/machine/one/tasks",
        "cpu/machine/one/payload/tasks", "freezer/machine/one/tasks", "freezer/machine/one/payload/tasks"})
    std::filesystem::remove(tree.path(file));
}

TEST(Group, ReadsAndChangesFilesOfV2) {
  const Tree tree = {{"m/x/memory.max", "536870912\n"},
                     {"m/x/memory.swap.max", "0\n"},
                     {"m/x/memory.current", "4096\n"},
                     {"m/x/cpu.weight", "1\n"},
                     {"m/x/cpu.max", "max 100000\n"},
                     {"m/x/cpu.stat", "usage_usec 7\nuser_usec 4\nsystem_usec 3\n"},
                     {"m/x/cgroup.controllers", "cpu io memory pids\n"},
                     {"m/x/cgroup.subtree_control", "cpu io memory pids\n"},
                     {"m/x/payload/cgroup.events", "populated 1\nfrozen 1\n"},
                     {"m/x/payload/cgroup.procs", "42\n43\n"},
                     {"m/x/payload/system.slice/cgroup.procs", "44\n0\n"},
                     {"m/x/supervisor/cgroup.procs", "41\n"}};
  auto group = Group::open(v2_only(tree), "/m", "x");
  ASSERT_TRUE(group);
  EXPECT_EQ(group->limits().memory_bytes, 536870912U);
  EXPECT_EQ(group->limits().memory_swap_bytes, 536870912U);
  EXPECT_EQ(group->limits().cpu_quota_us, -1);
  EXPECT_EQ(group->usage(Ask::Cpu).cpu_ns, 7000U);
  EXPECT_EQ(group->usage(Ask::Memory).memory_bytes, 4096U);
  EXPECT_EQ(group->usage(Ask::MemoryDetails).memory_limit_bytes, 536870912U);
  EXPECT_THAT(group->processes(), testing::ElementsAre(41, 42, 43, 44));
  EXPECT_THAT(group->processes(Scope::Payload), testing::ElementsAre(42, 43, 44));

  Limits change;
  change.memory_bytes = 402653184;
  change.cpu_quota_us = 50000;
  change.cpu_shares = 262144;
  group->update(change);
  EXPECT_EQ(tree.read("m/x/memory.max").substr(0, 9), "402653184");
  EXPECT_EQ(tree.read("m/x/memory.swap.max").substr(0, 9), "134217728") << "RAM and swap together stay 512 MiB";
  EXPECT_EQ(tree.read("m/x/cpu.max").substr(0, 12), "50000 100000");
  EXPECT_EQ(tree.read("m/x/cpu.weight").substr(0, 5), "10000");
}

TEST(Group, D4_FrozenIsWhatTheKernelSays) {
  const Tree v2 = {{"m/x/payload/cgroup.events", "populated 1\nfrozen 1\n"},
                   {"m/y/payload/cgroup.events", "populated 1\nfrozen 0\n"}};
  EXPECT_TRUE(Group::open(v2_only(v2), "/m", "x")->frozen());
  EXPECT_FALSE(Group::open(v2_only(v2), "/m", "y")->frozen());
  const Tree v1 = {{"freezer/m/x/payload/freezer.state", "FROZEN\n"},
                   {"freezer/m/y/payload/freezer.state", "FREEZING\n"}};
  EXPECT_TRUE(Group::open(v1_and_v2(v1), "/m", "x")->frozen());
  EXPECT_FALSE(Group::open(v1_and_v2(v1), "/m", "y")->frozen());
}

}  // namespace
}  // namespace cgroup
