#include "cgroup/hierarchy.hpp"

#include <gmock/gmock.h>

namespace cgroup {
namespace {

constexpr const char* kV1Mountinfo =
    "24 30 0:22 / /proc rw,nosuid - proc proc rw\n"
    "25 30 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "26 25 0:24 / /sys/fs/cgroup/systemd rw,nosuid shared:9 - cgroup cgroup rw,xattr,name=systemd\n"
    "27 25 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
    "28 25 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:11 master:3 - cgroup cgroup rw,memory\n"
    "29 25 0:27 / /sys/fs/cgroup/net_cls,net_prio rw - cgroup cgroup rw,net_cls,net_prio\n";
constexpr const char* kV1Self =
    "4:net_cls,net_prio:/\n"
    "3:memory:/daemon/own\n"
    "2:cpu,cpuacct:/\n"
    "1:name=systemd:/system.slice/virtlxcelld.service\n";
constexpr const char* kV2Line = "31 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(Hierarchy, V1WithCoMountedControllers) {
  const auto hierarchy = Hierarchy::parse(kV1Mountinfo, kV1Self, "");
  ASSERT_EQ(hierarchy.mounts().size(), 4U);
  EXPECT_EQ(hierarchy.mounts()[1], (Mount{1, "/sys/fs/cgroup/memory", {"memory"}, "/daemon/own"}));
  EXPECT_EQ(hierarchy.find("cpu"), hierarchy.find("cpuacct"));
  EXPECT_EQ(hierarchy.find("cpuacct")->path, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(hierarchy.find("name=systemd")->own_path, "/system.slice/virtlxcelld.service");
  EXPECT_EQ(hierarchy.find("devices"), nullptr);
  EXPECT_FALSE(hierarchy.unified());
}

TEST(Hierarchy, OnlyHierarchiesWithAUseAreUsed) {
  const auto hierarchy = Hierarchy::parse(kV1Mountinfo, kV1Self, "");
  EXPECT_TRUE(used_by_containers(*hierarchy.find("memory")));
  EXPECT_TRUE(used_by_containers(*hierarchy.find("name=systemd")));
  EXPECT_FALSE(used_by_containers(*hierarchy.find("net_cls")));
}

TEST(Hierarchy, G1_HybridWithControllersOnV2) {
  const auto hierarchy =
      Hierarchy::parse(std::string(kV1Mountinfo) + kV2Line, std::string(kV1Self) + "0::/\n", "hugetlb pids\n");
  ASSERT_EQ(hierarchy.mounts().size(), 5U);
  EXPECT_EQ(hierarchy.mounts()[4], (Mount{2, "/sys/fs/cgroup/unified", {"hugetlb", "pids"}, "/"}));
  EXPECT_EQ(hierarchy.find("memory")->version, 1);
  EXPECT_EQ(hierarchy.find("pids")->version, 2);
  EXPECT_EQ(hierarchy.find("devices")->version, 2) << "always there on v2";
  EXPECT_FALSE(hierarchy.unified());
}

TEST(Hierarchy, PureV2) {
  const auto hierarchy = Hierarchy::parse("31 25 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                          "0::/system.slice/a b.service\n", "cpuset cpu io memory pids\n");
  ASSERT_EQ(hierarchy.mounts().size(), 1U);
  EXPECT_EQ(hierarchy.mounts()[0].own_path, "/system.slice/a b.service");
  EXPECT_TRUE(hierarchy.unified());
  for (const char* name : {"cpu", "cpuacct", "cpuset", "memory", "pids", "io", "blkio", "devices", "freezer"})
    EXPECT_EQ(hierarchy.find(name), &hierarchy.mounts()[0]) << name;
  EXPECT_EQ(hierarchy.find("hugetlb"), nullptr);
}

TEST(Hierarchy, NamedSystemdBesideV2IsUnified) {
  const auto hierarchy = Hierarchy::parse(
      "26 25 0:24 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
      "31 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
      "1:name=systemd:/\n0::/\n", "memory\n");
  EXPECT_TRUE(hierarchy.unified());
  EXPECT_EQ(hierarchy.find("memory")->version, 2);
}

TEST(Hierarchy, WholeTreeIsPreferredToABindOfAPart) {
  const auto hierarchy = Hierarchy::parse(
      "40 25 0:26 /machine/c /srv/c/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "41 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "42 25 0:26 / /mnt/again rw - cgroup cgroup rw,memory\n",
      "3:memory:/\n", "");
  ASSERT_EQ(hierarchy.mounts().size(), 1U);
  EXPECT_EQ(hierarchy.mounts()[0].path, "/sys/fs/cgroup/memory");
}

TEST(Hierarchy, EscapedMountPoint) {
  const auto hierarchy =
      Hierarchy::parse("41 25 0:26 / /mnt/a\\040b\\134c rw - cgroup cgroup rw,memory\n", "3:memory:/\n", "");
  ASSERT_EQ(hierarchy.mounts().size(), 1U);
  EXPECT_EQ(hierarchy.mounts()[0].path, "/mnt/a b\\c");
}

TEST(Hierarchy, KnownToTheKernelButNotMounted) {
  EXPECT_THAT(Hierarchy::parse("", kV1Self, "").mounts(), testing::IsEmpty());
  EXPECT_FALSE(Hierarchy::parse("", kV1Self, "").unified());
}

TEST(Hierarchy, SurvivesNonsense) {
  for (const char* text : {"", "\n\n", "- - - -", "1 2 3 4 5 6 -", "1 2 3 / /x rw - cgroup", "a:b",
                           "::", ":::", "0::", "1::/", "1 2 3 / /x\\0 rw - cgroup cgroup rw,memory"})
    for (const char* self : {"", ":", "::", "0::/", "x", "1:memory:/", "1:,:/"})
      EXPECT_LE(Hierarchy::parse(text, self, "").mounts().size(), 1U) << text << " " << self;
}

TEST(Hierarchy, DetectsThisHost) {
  const auto hierarchy = Hierarchy::detect();
  if (hierarchy.mounts().empty()) GTEST_SKIP() << "no cgroup file system is mounted here";
  for (const auto& mount : hierarchy.mounts()) {
    EXPECT_EQ(mount.path.front(), '/');
    EXPECT_EQ(mount.own_path.front(), '/');
  }
}

}  // namespace
}  // namespace cgroup
