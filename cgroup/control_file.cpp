#include "cgroup/control_file.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

constexpr std::uint64_t kMaxShares = 262144;
constexpr std::uint64_t kMinWeight = 1, kMaxWeight = 10000, kDefaultWeight = 100;

bool unlimited(std::uint64_t bytes) {
  return bytes >= kUnlimitedBytes;
}

std::string bytes_text(std::uint64_t bytes, int version) {
  if (unlimited(bytes)) return version == 1 ? "-1" : "max";
  return std::to_string(bytes);
}

void add_memory_v1(const Limits& wanted, const Limits& now, std::vector<ControlWrite>& writes) {
  const auto add = [&writes](const char* file, const std::optional<std::uint64_t>& bytes) {
    if (bytes) writes.push_back({"memory", file, bytes_text(*bytes, 1)});
  };
  // The kernel refuses any moment at which memory+swap is below memory.
  const bool raising =
      wanted.memory_swap_bytes && now.memory_swap_bytes && *wanted.memory_swap_bytes > *now.memory_swap_bytes;
  if (raising) add("memory.memsw.limit_in_bytes", wanted.memory_swap_bytes);
  add("memory.limit_in_bytes", wanted.memory_bytes);
  if (!raising) add("memory.memsw.limit_in_bytes", wanted.memory_swap_bytes);
  add("memory.soft_limit_in_bytes", wanted.memory_soft_bytes);
}

/// v2 limits swap alone: what the user gave is RAM and swap together, so swap gets the difference (G4), and gets it
/// anew when only the RAM part changes.
void add_memory_v2(const Limits& wanted, const Limits& now, std::vector<ControlWrite>& writes) {
  const std::uint64_t memory = wanted.memory_bytes.value_or(now.memory_bytes.value_or(kUnlimitedBytes));
  if (wanted.memory_bytes) writes.push_back({"memory", "memory.max", bytes_text(memory, 2)});
  const auto total = wanted.memory_swap_bytes ? wanted.memory_swap_bytes : now.memory_swap_bytes;
  if (total && (wanted.memory_swap_bytes || wanted.memory_bytes)) {
    const std::uint64_t swap = unlimited(*total) ? kUnlimitedBytes : *total - std::min(memory, *total);
    writes.push_back({"memory", "memory.swap.max", bytes_text(swap, 2)});
  }
  if (wanted.memory_soft_bytes) writes.push_back({"memory", "memory.high", bytes_text(*wanted.memory_soft_bytes, 2)});
}

void require_swap_above_memory(const Limits& wanted, const Limits& now) {
  if (!wanted.memory_bytes && !wanted.memory_swap_bytes) return;
  const auto total = wanted.memory_swap_bytes ? wanted.memory_swap_bytes : now.memory_swap_bytes;
  if (!total || unlimited(*total)) return;
  const std::uint64_t memory = wanted.memory_bytes.value_or(now.memory_bytes.value_or(kUnlimitedBytes));
  if (memory > *total)
    base::fail(base::Code::InvalidArg, "memory hard_limit must be lower than or equal to swap_hard_limit");
}

void add_cpu_v1(const Limits& wanted, std::vector<ControlWrite>& writes) {
  if (wanted.cpu_shares) writes.push_back({"cpu", "cpu.shares", std::to_string(*wanted.cpu_shares)});
  if (wanted.cpu_period_us) writes.push_back({"cpu", "cpu.cfs_period_us", std::to_string(*wanted.cpu_period_us)});
  if (wanted.cpu_quota_us)
    writes.push_back(
        {"cpu", "cpu.cfs_quota_us", *wanted.cpu_quota_us < 0 ? "-1" : std::to_string(*wanted.cpu_quota_us)});
}

void add_cpu_v2(const Limits& wanted, const Limits& now, std::vector<ControlWrite>& writes) {
  if (wanted.cpu_shares)
    writes.push_back({"cpu", "cpu.weight", std::to_string(weight_from_shares(*wanted.cpu_shares))});
  if (!wanted.cpu_period_us && !wanted.cpu_quota_us) return;
  const std::int64_t quota = wanted.cpu_quota_us.value_or(now.cpu_quota_us.value_or(-1));
  const std::uint64_t period = wanted.cpu_period_us.value_or(now.cpu_period_us.value_or(kNewPeriodUs));
  writes.push_back({"cpu", "cpu.max", (quota < 0 ? "max" : std::to_string(quota)) + " " + std::to_string(period)});
}

std::string number_text(const BlockDeviceLimits& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
}

void add_block_device_v1(const BlockDeviceLimits& device, std::vector<ControlWrite>& writes) {
  const std::string number = number_text(device);
  if (device.weight) {
    const std::string text = number + std::to_string(*device.weight);
    writes.push_back({"blkio", "blkio.bfq.weight_device", text, "blkio.weight_device", text});
  }
  const auto add = [&](const char* file, const std::optional<std::uint64_t>& limit) {
    if (limit) writes.push_back({"blkio", file, number + std::to_string(*limit)});
  };
  add("blkio.throttle.read_iops_device", device.read_iops_sec);
  add("blkio.throttle.write_iops_device", device.write_iops_sec);
  add("blkio.throttle.read_bps_device", device.read_bytes_sec);
  add("blkio.throttle.write_bps_device", device.write_bytes_sec);
}

void add_block_device_v2(const BlockDeviceLimits& device, std::vector<ControlWrite>& writes) {
  const std::string number = number_text(device);
  if (device.weight) {
    const std::string text = number + (*device.weight ? std::to_string(*device.weight) : "default");
    writes.push_back({"blkio", "io.bfq.weight", text, "io.weight", text});
  }
  std::string text;
  const auto add = [&](const char* key, const std::optional<std::uint64_t>& limit) {
    if (limit) text += std::string(text.empty() ? "" : " ") + key + "=" + (*limit ? std::to_string(*limit) : "max");
  };
  add("riops", device.read_iops_sec);
  add("wiops", device.write_iops_sec);
  add("rbps", device.read_bytes_sec);
  add("wbps", device.write_bytes_sec);
  if (!text.empty()) writes.push_back({"blkio", "io.max", number + text});
}

}  // namespace

std::uint64_t weight_from_shares(std::uint64_t shares) {
  const std::uint64_t scaled = std::min(shares, kMaxShares) * kDefaultWeight;
  return std::clamp((scaled + kNewShares / 2) / kNewShares, kMinWeight, kMaxWeight);
}

std::uint64_t shares_from_weight(std::uint64_t weight) {
  const std::uint64_t scaled = std::clamp(weight, kMinWeight, kMaxWeight) * kNewShares;
  return (scaled + kDefaultWeight / 2) / kDefaultWeight;
}

std::vector<ControlWrite> control_writes(const Limits& wanted, int version, const Limits& now) {
  require_swap_above_memory(wanted, now);
  std::vector<ControlWrite> writes;
  if (!wanted.cpuset_cpus.empty()) writes.push_back({"cpuset", "cpuset.cpus", wanted.cpuset_cpus});
  if (!wanted.cpuset_mems.empty()) writes.push_back({"cpuset", "cpuset.mems", wanted.cpuset_mems});
  if (version == 1) {
    add_memory_v1(wanted, now, writes);
    add_cpu_v1(wanted, writes);
  } else {
    add_memory_v2(wanted, now, writes);
    add_cpu_v2(wanted, now, writes);
  }
  if (wanted.blkio_weight) {
    // Unscaled on v2 too: every weight file but CFQ's old one has the default 100, so a value means the same share in
    // each.
    const std::string weight = std::to_string(*wanted.blkio_weight);
    if (version == 1)
      writes.push_back({"blkio", "blkio.bfq.weight", weight, "blkio.weight", weight});
    else
      writes.push_back({"blkio", "io.bfq.weight", weight, "io.weight", "default " + weight});
  }
  for (const auto& device : wanted.block_devices)
    version == 1 ? add_block_device_v1(device, writes) : add_block_device_v2(device, writes);
  if (wanted.pids_max)
    writes.push_back({"pids", "pids.max", unlimited(*wanted.pids_max) ? "max" : std::to_string(*wanted.pids_max)});
  return writes;
}

namespace {

std::optional<std::uint64_t> read_number(const ReadControl& read, const char* controller, const char* file) {
  const auto text = read(controller, file);
  return text ? parse_number(*text) : std::nullopt;
}

/// Absent when unlimited: v2 says "max", v1 a number no machine has.
std::optional<std::uint64_t> read_limit(const ReadControl& read, const char* controller, const char* file) {
  const auto value = read_number(read, controller, file);
  return value && !unlimited(*value) ? value : std::nullopt;
}

std::optional<unsigned> read_weight(const ReadControl& read, const char* bfq, const char* plain) {
  auto text = read("blkio", bfq);
  if (!text) text = read("blkio", plain);
  if (!text) return std::nullopt;
  const auto value = text->rfind("default ", 0) == 0 ? value_of(*text, "default") : parse_number(*text);
  return value ? std::optional<unsigned>(static_cast<unsigned>(*value)) : std::nullopt;
}

/// "-1" on v1 and "max" on v2 are no numbers to parse_number: both are unlimited.
std::int64_t parse_quota(const std::string& text) {
  const auto value = parse_number(text);
  return value ? static_cast<std::int64_t>(*value) : -1;
}

BlockDeviceLimits& entry_for(std::vector<BlockDeviceLimits>& devices, unsigned major, unsigned minor) {
  for (auto& device : devices)
    if (device.major == major && device.minor == minor) return device;
  return devices.emplace_back(BlockDeviceLimits{.major = major, .minor = minor});
}

/// `take(device, rest)` for each line that begins with a device number.
template <typename Take>
void for_each_device(const std::optional<std::string>& text, std::vector<BlockDeviceLimits>& devices, Take take) {
  for (const auto& line : split(text.value_or(""), "\n")) {
    auto fields = split(line, " ");
    const auto number = fields.size() > 1 ? parse_device_number(fields[0]) : std::nullopt;
    if (!number) continue;
    fields.erase(fields.begin());
    take(entry_for(devices, number->first, number->second), fields);
  }
}

void take_weight(BlockDeviceLimits& device, const std::vector<std::string>& fields) {
  if (const auto weight = parse_number(fields[0])) device.weight = static_cast<unsigned>(*weight);
}

void parse_block_v1(const ReadControl& read, std::vector<BlockDeviceLimits>& devices) {
  using Member = std::optional<std::uint64_t> BlockDeviceLimits::*;
  constexpr std::pair<const char*, Member> kFiles[] = {
      {"blkio.throttle.read_iops_device", &BlockDeviceLimits::read_iops_sec},
      {"blkio.throttle.write_iops_device", &BlockDeviceLimits::write_iops_sec},
      {"blkio.throttle.read_bps_device", &BlockDeviceLimits::read_bytes_sec},
      {"blkio.throttle.write_bps_device", &BlockDeviceLimits::write_bytes_sec}};
  auto weights = read("blkio", "blkio.bfq.weight_device");
  if (!weights) weights = read("blkio", "blkio.weight_device");
  for_each_device(weights, devices, take_weight);
  for (const auto& entry : kFiles)
    for_each_device(read("blkio", entry.first), devices,
                    [member = entry.second](BlockDeviceLimits& device, const std::vector<std::string>& fields) {
                      device.*member = parse_number(fields[0]);
                    });
}

void parse_block_v2(const ReadControl& read, std::vector<BlockDeviceLimits>& devices) {
  auto weights = read("blkio", "io.bfq.weight");
  if (!weights) weights = read("blkio", "io.weight");
  for_each_device(weights, devices, take_weight);
  for_each_device(read("blkio", "io.max"), devices,
                  [](BlockDeviceLimits& device, const std::vector<std::string>& fields) {
                    for (const auto& field : fields) {
                      const auto equals = field.find('=');
                      if (equals == field.npos) continue;
                      const auto key = field.substr(0, equals);
                      const auto value = parse_number(field.substr(equals + 1));  // "max" is no number: unlimited
                      if (key == "riops") device.read_iops_sec = value;
                      if (key == "wiops") device.write_iops_sec = value;
                      if (key == "rbps") device.read_bytes_sec = value;
                      if (key == "wbps") device.write_bytes_sec = value;
                    }
                  });
}

void parse_v1(const ReadControl& read, Limits& limits) {
  limits.memory_bytes = read_limit(read, "memory", "memory.limit_in_bytes");
  limits.memory_soft_bytes = read_limit(read, "memory", "memory.soft_limit_in_bytes");
  limits.memory_swap_bytes = read_limit(read, "memory", "memory.memsw.limit_in_bytes");
  limits.cpu_shares = read_number(read, "cpu", "cpu.shares");
  limits.cpu_period_us = read_number(read, "cpu", "cpu.cfs_period_us");
  if (const auto quota = read("cpu", "cpu.cfs_quota_us")) limits.cpu_quota_us = parse_quota(*quota);
  limits.blkio_weight = read_weight(read, "blkio.bfq.weight", "blkio.weight");
  parse_block_v1(read, limits.block_devices);
}

void parse_v2(const ReadControl& read, Limits& limits) {
  limits.memory_bytes = read_limit(read, "memory", "memory.max");
  limits.memory_soft_bytes = read_limit(read, "memory", "memory.high");
  const auto swap = read_limit(read, "memory", "memory.swap.max");
  if (swap && limits.memory_bytes) limits.memory_swap_bytes = *limits.memory_bytes + *swap;
  if (const auto weight = read_number(read, "cpu", "cpu.weight")) limits.cpu_shares = shares_from_weight(*weight);
  if (const auto text = read("cpu", "cpu.max")) {
    const auto fields = split(*text, " \n");
    if (!fields.empty()) limits.cpu_quota_us = parse_quota(fields[0]);
    if (fields.size() > 1) limits.cpu_period_us = parse_number(fields[1]);
  }
  limits.blkio_weight = read_weight(read, "io.bfq.weight", "io.weight");
  parse_block_v2(read, limits.block_devices);
}

}  // namespace

Limits parse_limits(int version, const ReadControl& read) {
  Limits limits;
  if (version == 1)
    parse_v1(read, limits);
  else
    parse_v2(read, limits);
  limits.cpuset_cpus = trim(read("cpuset", "cpuset.cpus").value_or(""));
  limits.cpuset_mems = trim(read("cpuset", "cpuset.mems").value_or(""));
  limits.pids_max = read_limit(read, "pids", "pids.max");
  return limits;
}

Limits merge_limits(Limits first, const Limits& second) {
  const auto take = [](auto& into, const auto& from) {
    if (!into) into = from;
  };
  take(first.memory_bytes, second.memory_bytes);
  take(first.memory_soft_bytes, second.memory_soft_bytes);
  take(first.memory_swap_bytes, second.memory_swap_bytes);
  take(first.cpu_shares, second.cpu_shares);
  take(first.cpu_period_us, second.cpu_period_us);
  take(first.cpu_quota_us, second.cpu_quota_us);
  take(first.blkio_weight, second.blkio_weight);
  take(first.pids_max, second.pids_max);
  if (first.block_devices.empty()) first.block_devices = second.block_devices;
  if (first.cpuset_cpus.empty()) first.cpuset_cpus = second.cpuset_cpus;
  if (first.cpuset_mems.empty()) first.cpuset_mems = second.cpuset_mems;
  return first;
}

}  // namespace cgroup
