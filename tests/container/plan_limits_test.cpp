#include <gmock/gmock.h>
#include <linux/mempolicy.h>

#include <set>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/io_tune.hpp"
#include "domain-xml/perf_events.hpp"

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

cgroup::Limits limits_of(const DomainDefinition& definition) {
  return plan_limits(definition, {.online_cpus = "0-7"});
}

std::string partition_of(const std::string& partition) {
  auto definition = named("web");
  definition.partition = partition;
  return plan_cgroup(definition, "/machine", CgroupTree::Ours).partition;
}

TEST(PlanLimits, MemoryIsTheDefaultHardLimit) {
  auto definition = named("web");
  EXPECT_EQ(limits_of(definition).memory_bytes, 1048576u);
  definition.memory_tune = {.hard_limit_kib = 2048, .soft_limit_kib = 512, .swap_hard_limit_kib = 4096};
  const auto limits = limits_of(definition);
  EXPECT_EQ(limits.memory_bytes, 2097152u);
  EXPECT_EQ(limits.memory_soft_bytes, 524288u);
  EXPECT_EQ(limits.memory_swap_bytes, 4194304u);
  definition.memory_tune.hard_limit_kib = 9007199254740991;  // libvirt's "unlimited"
  EXPECT_EQ(limits_of(definition).memory_bytes, std::nullopt);
}

TEST(PlanLimits, ProcessorTime) {
  auto definition = named("web");
  EXPECT_EQ(limits_of(definition).cpu_shares, std::nullopt);
  definition.cpu_tune = {.shares = 512, .period_us = 100000, .quota_us = -1};
  definition.cpuset = "0-3,^2";
  const auto limits = limits_of(definition);
  EXPECT_EQ(limits.cpu_shares, 512u);
  EXPECT_EQ(limits.cpu_period_us, 100000u);
  EXPECT_EQ(limits.cpu_quota_us, -1);
  EXPECT_EQ(limits.cpuset_cpus, "0-1,3");  // the kernel's lists know no exclusion
  definition.cpu_tune = {.shares = 0, .period_us = 0, .quota_us = 0};
  EXPECT_EQ(limits_of(definition).cpu_quota_us, std::nullopt);
}

TEST(PlanLimits, CurrentMemoryHoldsFromTheStart_G7) {
  auto definition = named("web");
  definition.current_memory_kib = 512;
  EXPECT_EQ(limits_of(definition).memory_bytes, 524288U);
  definition.memory_tune.hard_limit_kib = 768;
  EXPECT_EQ(limits_of(definition).memory_bytes, 786432U);
}

TEST(PlanLimits, GlobalQuotaIsTheQuota_G10) {
  auto definition = named("web");
  definition.cpu_tune.others = {{.name = "global_period", .text = "50000"}, {.name = "global_quota", .text = "25000"}};
  EXPECT_EQ(limits_of(definition).cpu_quota_us, 25000);
  EXPECT_EQ(limits_of(definition).cpu_period_us, 50000U);
  definition.cpu_tune.quota_us = 7000;
  EXPECT_EQ(limits_of(definition).cpu_quota_us, 7000);
  EXPECT_EQ(limits_of(definition).cpu_period_us, std::nullopt);
}

TEST(PlanLimits, NumaNodesAreEnforced_G9) {
  auto definition = named("web");
  definition.numa_tune = {domain_xml::NumaMode::Strict, "0-1"};
  EXPECT_EQ(limits_of(definition).cpuset_mems, "0-1");
  definition.numa_tune->mode = domain_xml::NumaMode::Preferred;
  EXPECT_EQ(limits_of(definition).cpuset_mems, "");
}

TEST(PlanLimits, PerfEventsThatAreEnabledAreCounted) {
  auto definition = named("web");
  EXPECT_EQ(limits_of(definition).perf_events, std::nullopt);
  domain_xml::set_perf_event(definition, "page_faults", true);
  domain_xml::set_perf_event(definition, "cmt", false);
  EXPECT_EQ(limits_of(definition).perf_events, std::set<std::string>({"page_faults"}));
  const auto after = named("web");
  EXPECT_EQ(plan_limit_change(definition, after, {}).perf_events, std::set<std::string>());
}

TEST(PlanMemoryPolicy, ModesThatPreferNodes) {
  auto definition = named("web");
  EXPECT_EQ(plan_memory_policy(definition), MemoryPolicy());
  definition.numa_tune = {domain_xml::NumaMode::Interleave, "0,65"};
  std::string mask(16, '\0');
  mask[0] = 1, mask[8] = 2;  // of a little-endian machine
  EXPECT_EQ(plan_memory_policy(definition), (MemoryPolicy{MPOL_INTERLEAVE, mask}));
  definition.numa_tune = {domain_xml::NumaMode::Preferred, "1"};
  EXPECT_EQ(plan_memory_policy(definition), (MemoryPolicy{MPOL_PREFERRED, std::string("\2\0\0\0\0\0\0\0", 8)}));
  definition.numa_tune->nodeset = "0-1";
  EXPECT_THROW(plan_memory_policy(definition), base::Error);
  definition.numa_tune = {domain_xml::NumaMode::Strict, "0-1"};
  EXPECT_EQ(plan_memory_policy(definition), MemoryPolicy());
}

TEST(PlanCpuset, PinsHoldOnceEveryVcpuHasOne_G10) {
  auto definition = named("web");
  definition.vcpus = 2;
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "");
  domain_xml::set_vcpu_pin(definition.cpu_tune, 0, "4-5");
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "");
  domain_xml::set_vcpu_pin(definition.cpu_tune, 7, "6");
  EXPECT_FALSE(pins_in_force(definition)) << "two pins, but not of the two vcpus";
  domain_xml::set_vcpu_pin(definition.cpu_tune, 1, "1");
  EXPECT_TRUE(pins_in_force(definition));
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "1,4-5");
  definition.cpuset = "2-3";
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "1,4-5");
  domain_xml::set_vcpu_pin(definition.cpu_tune, 0, "");
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "2-3");
}

TEST(PlanCpuset, FewerCurrentVcpusThanTheMaximumGetThatManyProcessors_G10) {
  auto definition = named("web");  // its uuid ends with 0x5555: 21845 modulo 8 is 5
  definition.vcpus = 4;
  definition.vcpus_current = 4;
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "");
  definition.vcpus_current = 3;
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "5-7");
  EXPECT_EQ(plan_cpuset(definition, "0-1"), "");
  definition.cpuset = "0-1,6-7,40";
  EXPECT_EQ(plan_cpuset(definition, "0-7"), "1,6-7");
}

TEST(PlanLimitChange, OnlyWhatChangedIsWritten) {
  auto before = named("web"), after = before;
  EXPECT_EQ(plan_limit_change(before, after, {}), cgroup::Limits());
  after.cpu_tune.shares = 200;
  after.cpuset = "1";
  cgroup::Limits expected;
  expected.cpu_shares = 200;
  expected.cpuset_cpus = "1";
  EXPECT_EQ(plan_limit_change(before, after, {.online_cpus = "0-7"}), expected);
  expected.cpu_shares = 1024;
  expected.cpuset_cpus = "0-7";
  EXPECT_EQ(plan_limit_change(after, before, {.online_cpus = "0-7"}), expected);
}

TEST(PlanLimitChange, MemoryPolicyOfRunningProcessesIsTheirOwn) {
  using domain_xml::NumaMode;
  const auto tuned = [](NumaMode mode, const std::string& nodeset) {
    auto definition = named("web");
    definition.numa_tune = {mode, nodeset};
    return definition;
  };
  const auto strict = tuned(NumaMode::Strict, "0"), preferred = tuned(NumaMode::Preferred, "0");
  EXPECT_EQ(plan_limit_change(strict, tuned(NumaMode::Strict, "1"), {}).cpuset_mems, "1");
  EXPECT_EQ(plan_limit_change(named("web"), strict, {}).cpuset_mems, "0") << "strict is the default";
  EXPECT_EQ(plan_limit_change(preferred, preferred, {}), cgroup::Limits());
  EXPECT_THROW(plan_limit_change(strict, preferred, {}), base::Error);
  EXPECT_THROW(plan_limit_change(named("web"), preferred, {}), base::Error);
  EXPECT_THROW(plan_limit_change(preferred, tuned(NumaMode::Preferred, "1"), {}), base::Error);
}

TEST(PlanLimitChange, DevicesThatAreGoneStopNothing) {
  auto before = named("web");
  before.block_tune.devices = {{.path = "/dev/gone", .weight = 200}, {.path = "/dev/sdb", .read_bytes_sec = 7}};
  LimitFacts facts;
  facts.devices = {{"/dev/gone", {.error = ENOENT}}, {"/dev/sdb", {.type = 'b', .major = 8, .minor = 16}}};
  auto after = before;
  after.cpu_tune.shares = 3;
  EXPECT_EQ(plan_limit_change(before, after, facts).block_devices.size(), 0U);
  after.block_tune.devices.clear();
  const auto change = plan_limit_change(before, after, facts);
  ASSERT_EQ(change.block_devices.size(), 1U);
  EXPECT_EQ(change.block_devices[0], (cgroup::BlockDeviceLimits{.major = 8, .minor = 16, .read_bytes_sec = 0}));
  after.block_tune.devices = {{.path = "/dev/gone", .weight = 300}};
  EXPECT_THROW(plan_limit_change(before, after, facts), base::Error);
}

domain_xml::Disk tuned_disk(const std::string& target, const std::string& device, const domain_xml::IoTune& tune) {
  domain_xml::Disk disk{.type = "block", .source = device, .target = target};
  domain_xml::set_io_tune(disk, tune);
  return disk;
}

TEST(PlanLimits, DisksHaveTheLowestLimitOfTheirDevice) {
  auto definition = named("web");
  definition.disks = {tuned_disk("vda", "/dev/sdb", {{"read_bytes_sec", 7}, {"write_iops_sec", 9}}),
                      tuned_disk("vdb", "/dev/sdb", {{"read_bytes_sec", 5}}), tuned_disk("vdc", "/dev/sdc", {}),
                      tuned_disk("vdd", "/dev/gone", {{"read_bytes_sec", 5}})};
  definition.block_tune.devices = {{.path = "/dev/sdb", .weight = 200, .read_bytes_sec = 6, .write_bytes_sec = 3}};
  LimitFacts facts;
  facts.devices = {{"/dev/gone", {.error = ENOENT}},
                   {"/dev/sdb", {.type = 'b', .major = 8, .minor = 16}},
                   {"/dev/sdc", {.type = 'b', .major = 8, .minor = 32}}};
  const auto limits = plan_limits(definition, facts).block_devices;
  ASSERT_EQ(limits.size(), 1u);
  EXPECT_EQ(
      limits[0],
      (cgroup::BlockDeviceLimits{
          .major = 8, .minor = 16, .weight = 200, .write_iops_sec = 9, .read_bytes_sec = 5, .write_bytes_sec = 3}));
  auto after = definition;
  domain_xml::set_io_tune(after.disks[1], {});
  const auto change = plan_limit_change(definition, after, facts).block_devices;
  ASSERT_EQ(change.size(), 1u);
  EXPECT_EQ(change[0], (cgroup::BlockDeviceLimits{.major = 8, .minor = 16, .read_bytes_sec = 6}))
      << "the next lowest, of blkiotune";
  domain_xml::set_io_tune(after.disks[2], {});
  after.disks[2].others.push_back({.name = "iotune", .children = {{.name = "total_bytes_sec", .text = "8"}}});
  EXPECT_THROW(plan_limits(after, facts), base::Error);
}

TEST(PlanLimits, ProcessesAreLimited_G8) {
  EXPECT_EQ(limits_of(named("web")).pids_max, 16384u);
}

TEST(PlanLimits, Devices) {
  auto definition = named("web");
  const auto rules = *limits_of(definition).devices;
  const std::vector<cgroup::DeviceRule> expected = {{'c', 1, 3, "rwm"}, {'c', 1, 5, "rwm"},    {'c', 1, 7, "rwm"},
                                                    {'c', 1, 8, "rwm"}, {'c', 1, 9, "rwm"},    {'c', 5, 0, "rwm"},
                                                    {'c', 5, 2, "rwm"}, {'c', 10, 229, "rwm"}, {'c', 136, -1, "rwm"}};
  EXPECT_EQ(rules, expected);
  definition.features.capabilities.emplace().states["mknod"] = true;
  EXPECT_EQ(limits_of(definition).devices->size(), expected.size() + 2);
  EXPECT_EQ(limits_of(definition).devices->back(), (cgroup::DeviceRule{'b', -1, -1, "m"}));
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
