#include "cgroup/control_file.hpp"

#include <gmock/gmock.h>

#include <map>

#include "base/error.hpp"

namespace cgroup {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

std::string text_of(const std::vector<ControlWrite>& writes) {
  std::string text;
  for (const auto& write : writes) text += write.controller + " " + write.file + "=" + write.text + "\n";
  return text;
}

Limits everything() {
  Limits limits;
  limits.memory_bytes = 512 * kMiB;
  limits.memory_soft_bytes = 256 * kMiB;
  limits.memory_swap_bytes = 768 * kMiB;
  limits.cpu_shares = 1024;
  limits.cpu_period_us = 50000;
  limits.cpu_quota_us = 25000;
  limits.cpuset_cpus = "0-1";
  limits.cpuset_mems = "0";
  limits.blkio_weight = 300;
  limits.pids_max = 4096;
  return limits;
}

ReadControl files(std::map<std::string, std::string> texts) {
  return [texts = std::move(texts)](const std::string&, const std::string& file) -> std::optional<std::string> {
    const auto found = texts.find(file);
    return found == texts.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

TEST(ControlFile, V1WritesEverything) {
  EXPECT_EQ(text_of(control_writes(everything(), 1)),
            "cpuset cpuset.cpus=0-1\n"
            "cpuset cpuset.mems=0\n"
            "memory memory.limit_in_bytes=536870912\n"
            "memory memory.memsw.limit_in_bytes=805306368\n"
            "memory memory.soft_limit_in_bytes=268435456\n"
            "cpu cpu.shares=1024\n"
            "cpu cpu.cfs_period_us=50000\n"
            "cpu cpu.cfs_quota_us=25000\n"
            "blkio blkio.bfq.weight=300\n"
            "pids pids.max=4096\n");
}

TEST(ControlFile, V2WritesEverything) {
  EXPECT_EQ(text_of(control_writes(everything(), 2)),
            "cpuset cpuset.cpus=0-1\n"
            "cpuset cpuset.mems=0\n"
            "memory memory.max=536870912\n"
            "memory memory.swap.max=268435456\n"
            "memory memory.high=268435456\n"
            "cpu cpu.weight=100\n"
            "cpu cpu.max=25000 50000\n"
            "blkio io.bfq.weight=300\n"
            "pids pids.max=4096\n");
}

TEST(ControlFile, NothingSetWritesNothing) {
  EXPECT_THAT(control_writes({}, 1), testing::IsEmpty());
  EXPECT_THAT(control_writes({}, 2), testing::IsEmpty());
}

TEST(ControlFile, UnlimitedIsMinusOneOrMax) {
  Limits limits;
  limits.memory_bytes = limits.memory_swap_bytes = 9007199254740991ULL * 1024;  // libvirt's word for it
  limits.memory_soft_bytes = kUnlimitedBytes;
  limits.cpu_quota_us = -1;
  limits.pids_max = kUnlimitedBytes;
  EXPECT_EQ(text_of(control_writes(limits, 1)),
            "memory memory.limit_in_bytes=-1\nmemory memory.memsw.limit_in_bytes=-1\n"
            "memory memory.soft_limit_in_bytes=-1\ncpu cpu.cfs_quota_us=-1\npids pids.max=max\n");
  EXPECT_EQ(text_of(control_writes(limits, 2)),
            "memory memory.max=max\nmemory memory.swap.max=max\nmemory memory.high=max\n"
            "cpu cpu.max=max 100000\npids pids.max=max\n");
}

TEST(ControlFile, BlkioFallsBackWithoutBfq) {
  Limits limits;
  limits.blkio_weight = 200;
  EXPECT_EQ(control_writes(limits, 1).at(0), (ControlWrite{"blkio", "blkio.bfq.weight", "200", "blkio.weight", "200"}));
  EXPECT_EQ(control_writes(limits, 2).at(0),
            (ControlWrite{"blkio", "io.bfq.weight", "200", "io.weight", "default 200"}));
}

struct MemoryChange {
  std::uint64_t memory, total;
};

std::string order_of(MemoryChange from, MemoryChange to) {
  Limits now, wanted;
  now.memory_bytes = from.memory;
  now.memory_swap_bytes = from.total;
  wanted.memory_bytes = to.memory;
  wanted.memory_swap_bytes = to.total;
  std::string order;
  for (const auto& write : control_writes(wanted, 1, now)) order += write.file == "memory.limit_in_bytes" ? "M" : "T";
  return order;
}

TEST(ControlFile, LoweringWritesMemoryBeforeTotal) {
  EXPECT_EQ(order_of({100, 200}, {50, 60}), "MT");
}
TEST(ControlFile, RaisingWritesTotalBeforeMemory) {
  EXPECT_EQ(order_of({100, 200}, {250, 300}), "TM");
}

TEST(ControlFile, EveryOrderKeepsMemoryBelowTotalAtEachStep) {
  for (std::uint64_t m0 = 1; m0 < 6; ++m0)
    for (std::uint64_t t0 = m0; t0 < 6; ++t0)
      for (std::uint64_t m1 = 1; m1 < 6; ++m1)
        for (std::uint64_t t1 = m1; t1 < 6; ++t1) {
          MemoryChange state{m0, t0};
          for (const char step : order_of({m0, t0}, {m1, t1})) {
            (step == 'M' ? state.memory : state.total) = step == 'M' ? m1 : t1;
            ASSERT_LE(state.memory, state.total) << m0 << "/" << t0 << " to " << m1 << "/" << t1;
          }
        }
}

TEST(ControlFile, G4_SwapOnV2IsTheTotalLessTheMemory) {
  Limits wanted;
  wanted.memory_bytes = 300 * kMiB;
  wanted.memory_swap_bytes = 300 * kMiB;
  EXPECT_EQ(text_of(control_writes(wanted, 2)), "memory memory.max=314572800\nmemory memory.swap.max=0\n");
}

TEST(ControlFile, G4_TotalStaysWhenOnlyMemoryChangesOnV2) {
  Limits now, wanted;
  now.memory_bytes = 512 * kMiB;
  now.memory_swap_bytes = 2048 * kMiB;
  wanted.memory_bytes = 1024 * kMiB;
  EXPECT_EQ(text_of(control_writes(wanted, 2, now)),
            "memory memory.max=1073741824\nmemory memory.swap.max=1073741824\n");
  wanted = {};
  wanted.memory_swap_bytes = 512 * kMiB;
  EXPECT_EQ(text_of(control_writes(wanted, 2, now)), "memory memory.swap.max=0\n");
}

TEST(ControlFile, SwapLimitBelowMemoryIsRefusedOnBothVersions) {
  Limits now, wanted;
  now.memory_bytes = 512 * kMiB;
  wanted.memory_swap_bytes = 256 * kMiB;
  for (const int version : {1, 2}) {
    EXPECT_THROW(control_writes(wanted, version, now), base::Error);
    EXPECT_THROW(control_writes(wanted, version), base::Error) << "memory without limit is above any swap limit";
  }
}

TEST(ControlFile, V2PeriodAloneKeepsTheQuota) {
  Limits now, wanted;
  now.cpu_quota_us = 30000;
  now.cpu_period_us = 100000;
  wanted.cpu_period_us = 60000;
  EXPECT_EQ(text_of(control_writes(wanted, 2, now)), "cpu cpu.max=30000 60000\n");
  EXPECT_EQ(text_of(control_writes(wanted, 2)), "cpu cpu.max=max 60000\n");
  wanted = {};
  wanted.cpu_quota_us = 40000;
  now.cpu_period_us = 80000;
  EXPECT_EQ(text_of(control_writes(wanted, 2, now)), "cpu cpu.max=40000 80000\n");
}

TEST(ControlFile, G5_SharesAreScaledToWeights) {
  EXPECT_EQ(weight_from_shares(2), 1U);
  EXPECT_EQ(weight_from_shares(1024), 100U);
  EXPECT_EQ(weight_from_shares(2048), 200U);
  EXPECT_EQ(weight_from_shares(262144), 10000U);
  EXPECT_EQ(weight_from_shares(0), 1U);
  EXPECT_EQ(weight_from_shares(~0ULL), 10000U);
  EXPECT_EQ(shares_from_weight(1), 10U);
  EXPECT_EQ(shares_from_weight(100), 1024U);
  EXPECT_EQ(shares_from_weight(10000), 102400U);
  for (std::uint64_t weight = 1; weight <= 10000; ++weight)
    ASSERT_EQ(weight_from_shares(shares_from_weight(weight)), weight);
}

TEST(ControlFile, ParsesV1) {
  const Limits limits = parse_limits(1, files({{"memory.limit_in_bytes", "536870912\n"},
                                               {"memory.soft_limit_in_bytes", "9223372036854771712\n"},
                                               {"memory.memsw.limit_in_bytes", "805306368\n"},
                                               {"cpu.shares", "512\n"},
                                               {"cpu.cfs_period_us", "100000\n"},
                                               {"cpu.cfs_quota_us", "20000\n"},
                                               {"cpuset.cpus", "0-1\n"},
                                               {"cpuset.mems", "0\n"},
                                               {"blkio.weight", "500\n"},
                                               {"pids.max", "max\n"}}));
  Limits expected;
  expected.memory_bytes = 512 * kMiB;
  expected.memory_swap_bytes = 768 * kMiB;
  expected.cpu_shares = 512;
  expected.cpu_period_us = 100000;
  expected.cpu_quota_us = 20000;
  expected.cpuset_cpus = "0-1";
  expected.cpuset_mems = "0";
  expected.blkio_weight = 500;
  EXPECT_EQ(limits, expected);
}

TEST(ControlFile, ParsesV2WithSwapAsTotal) {
  const Limits limits = parse_limits(2, files({{"memory.max", "536870912\n"},
                                               {"memory.high", "max\n"},
                                               {"memory.swap.max", "268435456\n"},
                                               {"cpu.weight", "10000\n"},
                                               {"cpu.max", "25000 50000\n"},
                                               {"cpuset.cpus", "\n"},
                                               {"io.weight", "default 300\n8:0 500\n"},
                                               {"pids.max", "77\n"}}));
  Limits expected;
  expected.memory_bytes = 512 * kMiB;
  expected.memory_swap_bytes = 768 * kMiB;
  expected.cpu_shares = 102400;
  expected.cpu_period_us = 50000;
  expected.cpu_quota_us = 25000;
  expected.blkio_weight = 300;
  expected.block_devices = {{.major = 8, .minor = 0, .weight = 500}};
  expected.pids_max = 77;
  EXPECT_EQ(limits, expected);
}

TEST(ControlFile, BlockDevices) {
  Limits limits;
  limits.block_devices = {{.major = 8, .minor = 16, .weight = 200, .read_bytes_sec = 1048576, .write_bytes_sec = 0},
                          {.major = 7, .minor = 1, .write_iops_sec = 30}};
  EXPECT_EQ(text_of(control_writes(limits, 1)),
            "blkio blkio.bfq.weight_device=8:16 200\n"
            "blkio blkio.throttle.read_bps_device=8:16 1048576\n"
            "blkio blkio.throttle.write_bps_device=8:16 0\n"
            "blkio blkio.throttle.write_iops_device=7:1 30\n");
  EXPECT_EQ(text_of(control_writes(limits, 2)),
            "blkio io.bfq.weight=8:16 200\n"
            "blkio io.max=8:16 rbps=1048576 wbps=max\n"
            "blkio io.max=7:1 wiops=30\n");
}

TEST(ControlFile, BlockDevicesReadBack) {
  const Limits v1 = parse_limits(1, files({{"blkio.throttle.read_bps_device", "8:16 1048576\n7:1 99\n"},
                                           {"blkio.throttle.write_iops_device", "8:16 30\n"},
                                           {"blkio.weight_device", "8:16 200\n"}}));
  const std::vector<BlockDeviceLimits> expected = {
      {.major = 8, .minor = 16, .weight = 200, .write_iops_sec = 30, .read_bytes_sec = 1048576},
      {.major = 7, .minor = 1, .read_bytes_sec = 99}};
  EXPECT_EQ(v1.block_devices, expected);
  const Limits v2 = parse_limits(2, files({{"io.max", "8:16 rbps=1048576 wbps=max riops=max wiops=30\n7:1 rbps=99\n"},
                                           {"io.weight", "default 100\n8:16 200\n"}}));
  EXPECT_EQ(v2.block_devices, expected);
}

TEST(Limits, DifferenceSetsWhatChangedAndLiftsWhatIsGone) {
  Limits from, to;
  from.memory_bytes = 5 * kMiB;
  from.cpu_shares = 512;
  from.cpu_quota_us = 20000;
  from.pids_max = 9;
  from.block_devices = {{.major = 8, .read_bytes_sec = 1, .write_bytes_sec = 2}, {.major = 9, .weight = 100}};
  to.memory_bytes = 6 * kMiB;
  to.pids_max = 9;
  to.block_devices = {{.major = 8, .read_bytes_sec = 3}};
  Limits expected;
  expected.memory_bytes = 6 * kMiB;
  expected.cpu_shares = 1024;
  expected.cpu_quota_us = -1;
  expected.block_devices = {{.major = 8, .read_bytes_sec = 3, .write_bytes_sec = 0}, {.major = 9, .weight = 0}};
  EXPECT_EQ(difference(from, to), expected);
  EXPECT_EQ(difference(to, to), Limits());
  Limits memory_lifted = to;
  memory_lifted.memory_bytes.reset();
  expected = {};
  expected.memory_bytes = kUnlimitedBytes;
  EXPECT_EQ(difference(to, memory_lifted), expected);
}

TEST(ControlFile, G6_UnlimitedQuotaReadsTheSameOnBothVersions) {
  EXPECT_EQ(parse_limits(1, files({{"cpu.cfs_quota_us", "-1\n"}})).cpu_quota_us, -1);
  EXPECT_EQ(parse_limits(2, files({{"cpu.max", "max 100000\n"}})).cpu_quota_us, -1);
}

TEST(ControlFile, MissingAndEmptyFilesAreAbsent) {
  EXPECT_EQ(parse_limits(1, files({})), Limits{});
  EXPECT_EQ(parse_limits(2, files({{"cpu.max", ""}, {"memory.max", ""}})), Limits{});
}

TEST(ControlFile, MergeTakesWhatTheFirstLeavesOpen) {
  Limits first, second;
  first.cpu_shares = 5;
  second.cpu_shares = 6;
  second.memory_bytes = 7;
  second.cpuset_cpus = "1";
  const Limits merged = merge_limits(first, second);
  EXPECT_EQ(merged.cpu_shares, 5U);
  EXPECT_EQ(merged.memory_bytes, 7U);
  EXPECT_EQ(merged.cpuset_cpus, "1");
}

}  // namespace
}  // namespace cgroup
