#include <gmock/gmock.h>

#include "base/error.hpp"
#include "container/plan_container.hpp"

namespace container {
namespace {

using domain_xml::DomainDefinition;

DomainDefinition named(const std::string& name) {
  DomainDefinition definition;
  definition.name = name;
  definition.uuid = *base::parse_uuid("11111111-2222-3333-4444-555555555555");
  definition.memory_kib = 1024;
  return definition;
}

std::string partition_of(const std::string& partition) {
  auto definition = named("web");
  definition.partition = partition;
  return plan_cgroup(definition, "/machine", CgroupTree::Ours).partition;
}

TEST(PlanLimits, MemoryIsTheDefaultHardLimit) {
  auto definition = named("web");
  EXPECT_EQ(plan_limits(definition).memory_bytes, 1048576u);
  definition.memory_tune = {.hard_limit_kib = 2048, .soft_limit_kib = 512, .swap_hard_limit_kib = 4096};
  const auto limits = plan_limits(definition);
  EXPECT_EQ(limits.memory_bytes, 2097152u);
  EXPECT_EQ(limits.memory_soft_bytes, 524288u);
  EXPECT_EQ(limits.memory_swap_bytes, 4194304u);
  definition.memory_tune.hard_limit_kib = 9007199254740991;  // libvirt's "unlimited"
  EXPECT_EQ(plan_limits(definition).memory_bytes, std::nullopt);
}

TEST(PlanLimits, ProcessorTime) {
  auto definition = named("web");
  EXPECT_EQ(plan_limits(definition).cpu_shares, std::nullopt);
  definition.cpu_tune = {.shares = 512, .period_us = 100000, .quota_us = -1};
  definition.cpuset = "0-3,^2";
  const auto limits = plan_limits(definition);
  EXPECT_EQ(limits.cpu_shares, 512u);
  EXPECT_EQ(limits.cpu_period_us, 100000u);
  EXPECT_EQ(limits.cpu_quota_us, -1);
  EXPECT_EQ(limits.cpuset_cpus, "0-1,3");  // the kernel's lists know no exclusion
  definition.cpu_tune = {.shares = 0, .period_us = 0, .quota_us = 0};
  EXPECT_EQ(plan_limits(definition).cpu_quota_us, std::nullopt);
}

TEST(PlanLimits, ProcessesAreLimited_G8) {
  EXPECT_EQ(plan_limits(named("web")).pids_max, 16384u);
}

TEST(PlanLimits, Devices) {
  auto definition = named("web");
  const auto rules = *plan_limits(definition).devices;
  const std::vector<cgroup::DeviceRule> expected = {{'c', 1, 3, "rwm"}, {'c', 1, 5, "rwm"},    {'c', 1, 7, "rwm"},
                                                    {'c', 1, 8, "rwm"}, {'c', 1, 9, "rwm"},    {'c', 5, 0, "rwm"},
                                                    {'c', 5, 2, "rwm"}, {'c', 10, 229, "rwm"}, {'c', 136, -1, "rwm"}};
  EXPECT_EQ(rules, expected);
  definition.features.capabilities.emplace().states["mknod"] = true;
  EXPECT_EQ(plan_limits(definition).devices->size(), expected.size() + 2);
  EXPECT_EQ(plan_limits(definition).devices->back(), (cgroup::DeviceRule{'b', -1, -1, "m"}));
}

TEST(PlanCgroup, LeafKeepsNamesApart) {
  const std::string tail = "11111111222233334444555555555555.libvirt-lxc";
  EXPECT_EQ(plan_cgroup(named("web"), "/machine", CgroupTree::Ours).leaf, "lxc-web-" + tail);
  EXPECT_EQ(plan_cgroup(named("-a_b..c é-"), "/machine", CgroupTree::Ours).leaf, "lxc-ab.c-" + tail);
  EXPECT_EQ(plan_cgroup(named("___"), "/machine", CgroupTree::Ours).leaf, "lxc-" + tail);
  EXPECT_LE(plan_cgroup(named(std::string(400, 'x')), "/machine", CgroupTree::Ours).leaf.size(), 255u);
}

TEST(PlanCgroup, Partitions) {
  EXPECT_EQ(plan_cgroup(named("web"), "/machine", CgroupTree::Ours).partition, "/machine");
  EXPECT_EQ(partition_of("/machine/prod"), "/machine/prod.partition");
  EXPECT_EQ(partition_of("/machine/prod/"), "/machine/prod.partition");
  EXPECT_EQ(partition_of("/prod/machine"), "/prod.partition/machine.partition");
  EXPECT_EQ(partition_of("/system.slice"), "/system.slice");
  EXPECT_EQ(partition_of("/_a/.b/cgroup.c/memory.d"), "/__a.partition/_.b/_cgroup.c/_memory.d");
}

TEST(PlanCgroup, SystemdsTreeHasAScopePerPartition) {
  auto definition = named("web");
  definition.partition = "/machine/prod";
  const auto place = plan_cgroup(definition, "/machine", CgroupTree::Systemd);
  ASSERT_TRUE(place.scope);
  EXPECT_EQ(place.scope->scope, "machine-prod-lxcell.scope");
  EXPECT_EQ(place.partition, "/machine.slice/machine-prod.slice/machine-prod-lxcell.scope");
  EXPECT_EQ(place.leaf, plan_cgroup(definition, "/machine", CgroupTree::Ours).leaf);
  definition.partition = "prod";
  EXPECT_THROW(plan_cgroup(definition, "/machine", CgroupTree::Systemd), base::Error);
}

TEST(PlanCgroup, PartitionsThatCannotBe) {
  for (const char* path : {"machine", "relative/path", "/a/../b", "/."}) {
    try {
      partition_of(path);
      FAIL() << path;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::ConfigUnsupported) << path;
    }
  }
}

}  // namespace
}  // namespace container
