#include "domain-xml/native_cgroup.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

/// One file's content on its way into the definition.
struct Setting {
  Conversion& conversion;
  const std::string& origin;
  const std::string& value;

  std::uint64_t number() const { return native_number(origin, value); }
  /// nullopt for both spellings of "no limit".
  std::optional<std::uint64_t> bytes() const {
    return value == "-1" || value == "max" ? std::nullopt : std::optional(native_bytes(origin, value));
  }
  std::optional<std::uint64_t> kib() const {
    const auto limit = bytes();
    if (!limit || kib_of(*limit) >= kUnlimitedKib) return std::nullopt;
    return kib_of(*limit);
  }
  /// "8:0 VALUE ..." in words.
  std::vector<std::string> device_words() const {
    auto words = split_blanks(value);
    if (words.size() < 2) fail(Code::InvalidArg, origin, ": a device number and a value are needed");
    return words;
  }
};

void memory_limit(const Setting& setting) {
  set_memory_limit(setting.conversion, setting.bytes(), setting.origin);
}

void memory_soft_limit(const Setting& setting) {
  const auto kib = setting.kib();
  if (kib == 0U) return setting.conversion.skip(setting.origin, "a soft limit of less than 1 KiB is none");
  setting.conversion.definition.memory_tune.soft_limit_kib = kib;
}

void memory_and_swap(const Setting& setting) {
  setting.conversion.definition.memory_tune.swap_hard_limit_kib = setting.kib();
}

void cpu_shares(const Setting& setting) {
  set_cpu_shares(setting.conversion, setting.origin, setting.number());
}

void cpu_weight(const Setting& setting) {
  const std::uint64_t weight = setting.number();
  if (weight < 1 || weight > 10000) fail(Code::InvalidArg, setting.origin, ": must be in range 1 to 10000");
  set_cpu_shares(setting.conversion, setting.origin, cpu_shares_of_weight(weight));
}

void cpu_quota(const Setting& setting) {
  set_cpu_quota(setting.conversion, setting.origin, native_signed(setting.origin, setting.value));
}

void cpu_period(const Setting& setting) {
  set_cpu_period(setting.conversion, setting.origin, setting.number());
}

/// "QUOTA PERIOD", the quota "max" when there is none, the period left out when it is the kernel's own.
void cpu_max(const Setting& setting) {
  const auto words = split_blanks(setting.value);
  if (words.empty() || words.size() > 2) fail(Code::InvalidArg, setting.origin, ": a quota and a period are needed");
  set_cpu_quota(setting.conversion, setting.origin, words[0] == "max" ? -1 : native_signed(setting.origin, words[0]));
  if (words.size() == 2) set_cpu_period(setting.conversion, setting.origin, native_number(setting.origin, words[1]));
}

void cpus(const Setting& setting) {
  set_cpuset(setting.conversion, setting.origin, setting.value);
}

void memory_nodes(const Setting& setting) {
  set_memory_nodes(setting.conversion, setting.origin, setting.value);
}

void device_weight(const Setting& setting) {
  const auto words = setting.device_words();
  const std::uint64_t weight = native_number(setting.origin, words[1]);
  if (weight < 1 || weight > 10000) fail(Code::InvalidArg, setting.origin, ": must be in range 1 to 10000");
  block_device(setting.conversion, setting.origin, words[0]).weight = static_cast<unsigned>(weight);
}

/// "500", or v2's "default 500" and "8:0 500".
void block_weight(const Setting& setting) {
  const auto words = split_blanks(setting.value);
  if (words.size() == 2 && words[0] != "default") return device_weight(setting);
  if (words.empty() || words.size() > 2) fail(Code::InvalidArg, setting.origin, ": a weight is needed");
  set_block_weight(setting.conversion, setting.origin, native_number(setting.origin, words.back()));
}

using Throttle = std::optional<std::uint64_t> BlockDeviceTune::*;

template <Throttle throttle>
void device_throttle(const Setting& setting) {
  const auto words = setting.device_words();
  const std::uint64_t limit = native_number(setting.origin, words[1]);
  block_device(setting.conversion, setting.origin, words[0]).*throttle =
      limit == 0 ? std::nullopt : std::optional(limit);  // 0 is the kernel's word for none
}

/// "8:0 rbps=1048576 wiops=max"
void io_max(const Setting& setting) {
  static constexpr std::array<std::pair<std::string_view, Throttle>, 4> kNames = {
      {{"rbps=", &BlockDeviceTune::read_bytes_sec},
       {"wbps=", &BlockDeviceTune::write_bytes_sec},
       {"riops=", &BlockDeviceTune::read_iops_sec},
       {"wiops=", &BlockDeviceTune::write_iops_sec}}};
  const auto words = setting.device_words();
  BlockDeviceTune& device = block_device(setting.conversion, setting.origin, words[0]);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto* name =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) { return word.starts_with(entry.first); });
    if (name == kNames.end()) fail(Code::InvalidArg, setting.origin, ": unknown limit '", word, "'");
    const std::string limit = word.substr(name->first.size());
    device.*name->second = limit == "max" ? std::nullopt : std::optional(native_number(setting.origin, limit));
    if (device.*name->second == 0u) fail(Code::InvalidArg, setting.origin, ": a limit of 0 stops the device");
  }
}

void pids_max(const Setting& setting) {
  if (setting.value == "max") return;
  set_pids_limit(setting.conversion, setting.origin, static_cast<std::int64_t>(setting.number()));
}

/// Denying everything is where every container starts.
void devices_deny(const Setting& setting) {
  if (setting.value != "a" && setting.value != "a *:* rwm")
    setting.conversion.skip(setting.origin, "only what the container's devices need is allowed");
}

void devices_allow(const Setting& setting) {
  const auto words = split_blanks(setting.value);
  if (words.size() == 3 && contains(kAlwaysAllowedDevices, words[0] + " " + words[1])) return;
  setting.conversion.skip(setting.origin, "disks and host devices bring their own access");
}

struct File {
  int version;  // 0: both
  std::string_view name;
  void (*read)(const Setting&);
};

constexpr File kFiles[] = {
    {1, "memory.limit_in_bytes", memory_limit},
    {1, "memory.soft_limit_in_bytes", memory_soft_limit},
    {1, "memory.memsw.limit_in_bytes", memory_and_swap},
    {2, "memory.max", memory_limit},
    {2, "memory.high", memory_soft_limit},
    {1, "cpu.shares", cpu_shares},
    {1, "cpu.cfs_quota_us", cpu_quota},
    {1, "cpu.cfs_period_us", cpu_period},
    {2, "cpu.weight", cpu_weight},
    {2, "cpu.max", cpu_max},
    {0, "cpuset.cpus", cpus},
    {0, "cpuset.mems", memory_nodes},
    {1, "blkio.weight", block_weight},
    {1, "blkio.bfq.weight", block_weight},
    {1, "blkio.weight_device", device_weight},
    {1, "blkio.bfq.weight_device", device_weight},
    {1, "blkio.device_weight", device_weight},  // how stock's converter spells it
    {1, "blkio.throttle.read_bps_device", device_throttle<&BlockDeviceTune::read_bytes_sec>},
    {1, "blkio.throttle.write_bps_device", device_throttle<&BlockDeviceTune::write_bytes_sec>},
    {1, "blkio.throttle.read_iops_device", device_throttle<&BlockDeviceTune::read_iops_sec>},
    {1, "blkio.throttle.write_iops_device", device_throttle<&BlockDeviceTune::write_iops_sec>},
    {2, "io.weight", block_weight},
    {2, "io.bfq.weight", block_weight},
    {2, "io.max", io_max},
    {0, "pids.max", pids_max},
    {0, "devices.deny", devices_deny},
    {0, "devices.allow", devices_allow},
};

}  // namespace

void CgroupReader::read(int version, const std::string& origin, const std::string& file, const std::string& value) {
  const Setting setting{conversion_, origin, value};
  if (version == 2 && file == "memory.swap.max") {
    swap_kib_ = setting.kib();
    swap_origin_ = origin;
    return;
  }
  for (const File& known : kFiles)
    if ((known.version == 0 || known.version == version) && file == known.name) return known.read(setting);
  conversion_.skip(origin);
}

void CgroupReader::finish() {
  auto& tune = conversion_.definition.memory_tune;
  if (swap_kib_ && tune.hard_limit_kib)
    tune.swap_hard_limit_kib = *tune.hard_limit_kib + *swap_kib_;
  else if (swap_kib_)
    conversion_.skip(swap_origin_, "memory and swap are limited together, and memory has no limit");
  std::erase_if(conversion_.definition.block_tune.devices,
                [](const BlockDeviceTune& device) { return device == BlockDeviceTune{.path = device.path}; });
}

}  // namespace domain_xml
