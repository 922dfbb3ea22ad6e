#include "cgroup/limits.hpp"

#include <algorithm>

namespace cgroup {
namespace {

template <typename Value>
void change(std::optional<Value>& result, const std::optional<Value>& from, const std::optional<Value>& to,
            Value lifted) {
  if (from != to) result = to.value_or(lifted);
}

const BlockDeviceLimits* find(const std::vector<BlockDeviceLimits>& all, const BlockDeviceLimits& like) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const BlockDeviceLimits& one) {
    return one.major == like.major && one.minor == like.minor;
  });
  return found == all.end() ? nullptr : &*found;
}

void change_device(std::vector<BlockDeviceLimits>& results, const BlockDeviceLimits& from,
                   const BlockDeviceLimits& to) {
  BlockDeviceLimits result{.major = to.major, .minor = to.minor};
  const BlockDeviceLimits nothing = result;
  change(result.weight, from.weight, to.weight, 0U);
  constexpr std::uint64_t kNone = 0;
  change(result.read_iops_sec, from.read_iops_sec, to.read_iops_sec, kNone);
  change(result.write_iops_sec, from.write_iops_sec, to.write_iops_sec, kNone);
  change(result.read_bytes_sec, from.read_bytes_sec, to.read_bytes_sec, kNone);
  change(result.write_bytes_sec, from.write_bytes_sec, to.write_bytes_sec, kNone);
  if (result != nothing) results.push_back(result);
}

}  // namespace

Limits difference(const Limits& from, const Limits& to) {
  Limits result;
  change(result.memory_bytes, from.memory_bytes, to.memory_bytes, kUnlimitedBytes);
  change(result.memory_soft_bytes, from.memory_soft_bytes, to.memory_soft_bytes, kUnlimitedBytes);
  change(result.memory_swap_bytes, from.memory_swap_bytes, to.memory_swap_bytes, kUnlimitedBytes);
  change(result.cpu_shares, from.cpu_shares, to.cpu_shares, kNewShares);
  change(result.cpu_period_us, from.cpu_period_us, to.cpu_period_us, kNewPeriodUs);
  change(result.cpu_quota_us, from.cpu_quota_us, to.cpu_quota_us, std::int64_t{-1});
  change(result.blkio_weight, from.blkio_weight, to.blkio_weight, kNewBlkioWeight);
  change(result.pids_max, from.pids_max, to.pids_max, kUnlimitedBytes);
  if (from.cpuset_cpus != to.cpuset_cpus) result.cpuset_cpus = to.cpuset_cpus;
  if (from.cpuset_mems != to.cpuset_mems) result.cpuset_mems = to.cpuset_mems;
  if (from.devices != to.devices) result.devices = to.devices;
  change(result.perf_events, from.perf_events, to.perf_events, {});
  for (const auto& device : to.block_devices) {
    const auto* before = find(from.block_devices, device);
    change_device(result.block_devices, before ? *before : BlockDeviceLimits{}, device);
  }
  for (const auto& device : from.block_devices)
    if (!find(to.block_devices, device))
      change_device(result.block_devices, device, {.major = device.major, .minor = device.minor});
  return result;
}

}  // namespace cgroup
