// What a container may use, as values; control_file turns them into kernel file contents per hierarchy version.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cgroup {

/// Memory and swap limits at or above this (what the kernel itself shows for "none") mean unlimited.
inline constexpr std::uint64_t kUnlimitedBytes = 0x7FFFFFFFFFFFF000;

/// What the kernel gives a new cgroup, in v1's scales (cgroup-v1 sched-bwc.rst, blkio-controller.rst).
inline constexpr std::uint64_t kNewShares = 1024, kNewPeriodUs = 100000;
inline constexpr unsigned kNewBlkioWeight = 100;

/// One allowed device: type 'c' or 'b', number (-1 is "any"), and any of "rwm".
struct DeviceRule {
  char type = 'c';
  int major = -1, minor = -1;
  std::string access = "rwm";
  bool operator==(const DeviceRule&) const = default;
};

/// What one block device allows. In a change, 0 lifts a limit; read from the kernel, what is unlimited is absent.
struct BlockDeviceLimits {
  unsigned major = 0, minor = 0;
  std::optional<unsigned> weight;
  std::optional<std::uint64_t> read_iops_sec, write_iops_sec, read_bytes_sec, write_bytes_sec;
  bool operator==(const BlockDeviceLimits&) const = default;
};

struct Limits {
  std::optional<std::uint64_t> memory_bytes, memory_soft_bytes;
  std::optional<std::uint64_t> memory_swap_bytes;  // RAM and swap together, as v1 counts; v2 gets the difference
  std::optional<std::uint64_t> cpu_shares;         // v1 scale, 2..262144; v2 gets the scaled weight
  std::optional<std::uint64_t> cpu_period_us;
  std::optional<std::int64_t> cpu_quota_us;  // negative is unlimited
  std::string cpuset_cpus, cpuset_mems;      // list syntax, empty is inherited
  std::optional<unsigned> blkio_weight;
  std::vector<BlockDeviceLimits> block_devices;
  std::optional<std::uint64_t> pids_max;
  /// Everything not listed is denied. nullopt: no device policy.
  std::optional<std::vector<DeviceRule>> devices;
  /// No limit, but set and lifted like one: what perf counts for the group's payload.
  std::optional<std::set<std::string>> perf_events;
  bool operator==(const Limits&) const = default;
};

/// What to change to come from `from` to `to`. A limit that `to` does not have is lifted: set to what the kernel gives
/// a new cgroup. Only a cpuset and a device policy cannot be lifted so; they stay as they are.
Limits difference(const Limits& from, const Limits& to);

}  // namespace cgroup
