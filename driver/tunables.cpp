#include "driver/tunables.hpp"

#include <libvirt/libvirt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/perf_events.hpp"

namespace driver {
namespace {

using base::Code;
using Type = ParameterType;
using domain_xml::DomainDefinition;
using domain_xml::kUnlimitedKib;

constexpr std::int64_t kMaxQuotaUs = 17592186044415;  // 2^64 ns
constexpr const char* kPidsLimit = "pids_limit";      // ours: libvirt has no name for it
constexpr std::uint64_t kUnlimitedPids = std::numeric_limits<std::uint64_t>::max();

Parameters stored_scheduler(const DomainDefinition& definition) {
  const auto& tune = definition.cpu_tune;
  return {{VIR_DOMAIN_SCHEDULER_CPU_SHARES, std::uint64_t{tune.shares.value_or(0)}},
          {VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, std::uint64_t{tune.period_us.value_or(0)}},
          {VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, std::int64_t{tune.quota_us.value_or(0)}},
          {kPidsLimit, std::uint64_t{definition.extension.pids_limit.value_or(0)}}};
}

Parameters scheduler_in_force(const LimitsInForce& now) {
  const auto& limits = now.limits;
  return {{VIR_DOMAIN_SCHEDULER_CPU_SHARES, std::uint64_t{limits.cpu_shares.value_or(cgroup::kNewShares)}},
          {VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, std::uint64_t{limits.cpu_period_us.value_or(cgroup::kNewPeriodUs)}},
          {VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, std::int64_t{limits.cpu_quota_us.value_or(-1)}},
          {kPidsLimit, std::uint64_t{limits.pids_max.value_or(kUnlimitedPids)}}};
}

/// A period or quota of 0 means no change.
void change_scheduler(DomainDefinition& definition, const Parameters& parameters) {
  require_known(parameters, {{VIR_DOMAIN_SCHEDULER_CPU_SHARES, Type::Ullong},
                             {VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, Type::Ullong},
                             {VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, Type::Llong},
                             {kPidsLimit, Type::Ullong}});
  auto& tune = definition.cpu_tune;
  if (const auto* shares = find_parameter<std::uint64_t>(parameters, VIR_DOMAIN_SCHEDULER_CPU_SHARES)) {
    require_range<std::uint64_t>(VIR_DOMAIN_SCHEDULER_CPU_SHARES, *shares, 2, 262144);
    tune.shares = *shares;
  }
  const auto* period = find_parameter<std::uint64_t>(parameters, VIR_DOMAIN_SCHEDULER_VCPU_PERIOD);
  if (period && *period != 0) {
    require_range<std::uint64_t>(VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, *period, 1000, 1000000);
    tune.period_us = *period;
  }
  const auto* quota = find_parameter<std::int64_t>(parameters, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA);
  if (quota && *quota != 0) {
    if (*quota > 0) require_range<std::int64_t>(VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, *quota, 1000, kMaxQuotaUs);
    tune.quota_us = std::max<std::int64_t>(*quota, -1);
  }
  const auto* pids = find_parameter<std::uint64_t>(parameters, kPidsLimit);
  if (pids && *pids != 0) definition.extension.pids_limit = *pids;
}

std::uint64_t kib(const std::optional<std::uint64_t>& bytes) {
  return bytes ? *bytes / 1024 : kUnlimitedKib;
}

Parameters memory_parameters(std::uint64_t hard, std::uint64_t soft, std::uint64_t swap) {
  return {{VIR_DOMAIN_MEMORY_HARD_LIMIT, hard},
          {VIR_DOMAIN_MEMORY_SOFT_LIMIT, soft},
          {VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT, swap}};
}

Parameters stored_memory(const DomainDefinition& definition) {
  const auto& tune = definition.memory_tune;
  return memory_parameters(tune.hard_limit_kib.value_or(kUnlimitedKib), tune.soft_limit_kib.value_or(kUnlimitedKib),
                           tune.swap_hard_limit_kib.value_or(kUnlimitedKib));
}

Parameters memory_in_force(const LimitsInForce& now) {
  const auto& limits = now.limits;
  return memory_parameters(kib(limits.memory_bytes), kib(limits.memory_soft_bytes), kib(limits.memory_swap_bytes));
}

void change_memory(DomainDefinition& definition, const Parameters& parameters) {
  require_known(parameters, {{VIR_DOMAIN_MEMORY_HARD_LIMIT, Type::Ullong},
                             {VIR_DOMAIN_MEMORY_SOFT_LIMIT, Type::Ullong},
                             {VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT, Type::Ullong}});
  auto& tune = definition.memory_tune;
  const auto take = [&](const char* name, std::optional<std::uint64_t>& into) {
    const auto* value = find_parameter<std::uint64_t>(parameters, name);
    if (!value) return;
    require_range<std::uint64_t>(name, *value, 0, kUnlimitedKib);
    into = *value;
  };
  take(VIR_DOMAIN_MEMORY_HARD_LIMIT, tune.hard_limit_kib);
  take(VIR_DOMAIN_MEMORY_SOFT_LIMIT, tune.soft_limit_kib);
  take(VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT, tune.swap_hard_limit_kib);
  if (tune.swap_hard_limit_kib && tune.hard_limit_kib && *tune.hard_limit_kib > *tune.swap_hard_limit_kib)
    base::fail(Code::InvalidArg, "memory '", VIR_DOMAIN_MEMORY_HARD_LIMIT, "' must be lower than or equal to '",
               VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT, "'");
}

struct BlockLimit {
  const char* name;
  std::uint64_t (*get)(const domain_xml::BlockDeviceTune& device);
  void (*set)(domain_xml::BlockDeviceTune& device, std::uint64_t value);  // 0 for none
  std::uint64_t (*in_force)(const cgroup::BlockDeviceLimits& device);
};

template <auto Stored, auto Enforced>
constexpr BlockLimit block_limit(const char* name) {
  return {name, [](const domain_xml::BlockDeviceTune& device) -> std::uint64_t { return (device.*Stored).value_or(0); },
          [](domain_xml::BlockDeviceTune& device, std::uint64_t value) {
            auto& member = device.*Stored;
            using Value = typename std::decay_t<decltype(member)>::value_type;
            if (value > std::numeric_limits<Value>::max())
              base::fail(Code::InvalidArg, "value ", value, " is too large");
            if (value)
              member = static_cast<Value>(value);
            else
              member.reset();
          },
          [](const cgroup::BlockDeviceLimits& device) -> std::uint64_t { return (device.*Enforced).value_or(0); }};
}

using Stored = domain_xml::BlockDeviceTune;
using Enforced = cgroup::BlockDeviceLimits;
constexpr std::array kBlockLimits = {
    block_limit<&Stored::weight, &Enforced::weight>(VIR_DOMAIN_BLKIO_DEVICE_WEIGHT),
    block_limit<&Stored::read_iops_sec, &Enforced::read_iops_sec>(VIR_DOMAIN_BLKIO_DEVICE_READ_IOPS),
    block_limit<&Stored::write_iops_sec, &Enforced::write_iops_sec>(VIR_DOMAIN_BLKIO_DEVICE_WRITE_IOPS),
    block_limit<&Stored::read_bytes_sec, &Enforced::read_bytes_sec>(VIR_DOMAIN_BLKIO_DEVICE_READ_BPS),
    block_limit<&Stored::write_bytes_sec, &Enforced::write_bytes_sec>(VIR_DOMAIN_BLKIO_DEVICE_WRITE_BPS),
};

/// "path,value,path,value"
void add_pair(std::string& list, const std::string& path, std::uint64_t value) {
  if (value) list += (list.empty() ? "" : ",") + path + "," + std::to_string(value);
}

Parameters stored_block(const DomainDefinition& definition) {
  Parameters parameters = {{VIR_DOMAIN_BLKIO_WEIGHT, definition.block_tune.weight.value_or(0)}};
  for (const auto& limit : kBlockLimits) {
    std::string list;
    for (const auto& device : definition.block_tune.devices) add_pair(list, device.path, limit.get(device));
    parameters.push_back({limit.name, list});
  }
  return parameters;
}

/// As the definition calls it; a device limited by somebody else by its number.
std::string path_of(const LimitsInForce& now, const cgroup::BlockDeviceLimits& device) {
  for (const auto& entry : now.facts.devices)
    if (!entry.second.error && entry.second.major == device.major && entry.second.minor == device.minor)
      return entry.first;
  return "/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor);
}

Parameters block_in_force(const LimitsInForce& now) {
  Parameters parameters = {{VIR_DOMAIN_BLKIO_WEIGHT, now.limits.blkio_weight.value_or(cgroup::kNewBlkioWeight)}};
  for (const auto& limit : kBlockLimits) {
    std::string list;
    for (const auto& device : now.limits.block_devices) add_pair(list, path_of(now, device), limit.in_force(device));
    parameters.push_back({limit.name, list});
  }
  return parameters;
}

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    fields.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

/// The devices that `list` names get its values, the others keep theirs.
void change_devices(domain_xml::BlockTune& tune, const BlockLimit& limit, const std::string& list) {
  const auto fields = split_list(list);
  if (fields.size() % 2 != 0)
    base::fail(Code::InvalidArg, "unable to parse '", limit.name, "' '", list, "': path,value pairs expected");
  for (std::size_t i = 0; i < fields.size(); i += 2) {
    const std::string &path = fields[i], &text = fields[i + 1];
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (path.empty() || text.empty() || error != std::errc{} || end != text.data() + text.size())
      base::fail(Code::InvalidArg, "unable to parse '", limit.name, "' '", list, "': bad value '", text, "'");
    auto found =
        std::find_if(tune.devices.begin(), tune.devices.end(), [&](const auto& device) { return device.path == path; });
    if (found == tune.devices.end()) found = tune.devices.insert(found, {.path = path});
    limit.set(*found, value);
  }
}

void change_block(DomainDefinition& definition, const Parameters& parameters) {
  require_known(parameters, {{VIR_DOMAIN_BLKIO_WEIGHT, Type::Uint},
                             {VIR_DOMAIN_BLKIO_DEVICE_WEIGHT, Type::String},
                             {VIR_DOMAIN_BLKIO_DEVICE_READ_IOPS, Type::String},
                             {VIR_DOMAIN_BLKIO_DEVICE_WRITE_IOPS, Type::String},
                             {VIR_DOMAIN_BLKIO_DEVICE_READ_BPS, Type::String},
                             {VIR_DOMAIN_BLKIO_DEVICE_WRITE_BPS, Type::String}});
  auto& tune = definition.block_tune;
  if (const auto* weight = find_parameter<std::uint32_t>(parameters, VIR_DOMAIN_BLKIO_WEIGHT)) tune.weight = *weight;
  for (const auto& limit : kBlockLimits)
    if (const auto* list = find_parameter<std::string>(parameters, limit.name); list && !list->empty())
      change_devices(tune, limit, *list);
  std::erase_if(tune.devices, [](const auto& device) { return device == Stored{.path = device.path}; });
}

Parameters numa_parameters(const DomainDefinition& definition, const std::string& nodes) {
  const auto mode = definition.numa_tune ? definition.numa_tune->mode : domain_xml::NumaMode::Strict;
  return {{VIR_DOMAIN_NUMA_MODE, static_cast<std::int32_t>(mode)}, {VIR_DOMAIN_NUMA_NODESET, nodes}};
}

Parameters stored_numa(const DomainDefinition& definition) {
  return numa_parameters(definition, definition.numa_tune ? definition.numa_tune->nodeset : "");
}

Parameters numa_in_force(const LimitsInForce& now) {
  return numa_parameters(now.live, now.limits.cpuset_mems);
}

void change_numa(DomainDefinition& definition, const Parameters& parameters) {
  require_known(parameters, {{VIR_DOMAIN_NUMA_MODE, Type::Int}, {VIR_DOMAIN_NUMA_NODESET, Type::String}});
  auto tune = definition.numa_tune.value_or(domain_xml::NumaTune{});
  if (const auto* mode = find_parameter<std::int32_t>(parameters, VIR_DOMAIN_NUMA_MODE)) {
    require_range<std::int32_t>(VIR_DOMAIN_NUMA_MODE, *mode, 0, VIR_DOMAIN_NUMATUNE_MEM_RESTRICTIVE);
    tune.mode = static_cast<domain_xml::NumaMode>(*mode);
  }
  if (const auto* nodes = find_parameter<std::string>(parameters, VIR_DOMAIN_NUMA_NODESET)) {
    try {
      tune.nodeset = domain_xml::canonical_cpuset(*nodes);
    } catch (const base::Error&) {
      base::fail(Code::InvalidArg, "invalid value '", *nodes, "' of parameter '", VIR_DOMAIN_NUMA_NODESET, "'");
    }
  }
  if (tune.nodeset.empty()) base::fail(Code::InvalidArg, "parameter '", VIR_DOMAIN_NUMA_NODESET, "' must name a node");
  definition.numa_tune = tune;
}

Parameters perf_parameters(const std::set<std::string>& enabled) {
  Parameters parameters;
  for (const char* name : domain_xml::kPerfEvents) parameters.push_back({name, enabled.contains(name)});
  return parameters;
}

Parameters stored_perf(const DomainDefinition& definition) {
  return perf_parameters(domain_xml::perf_events(definition));
}

Parameters perf_in_force(const LimitsInForce& now) {
  return perf_parameters(now.limits.perf_events.value_or(std::set<std::string>()));
}

void change_perf(DomainDefinition& definition, const Parameters& parameters) {
  std::vector<KnownParameter> known;
  for (const char* name : domain_xml::kPerfEvents) known.push_back({name, Type::Boolean});
  require_known(parameters, known);
  for (const auto& parameter : parameters)
    domain_xml::set_perf_event(definition, parameter.field, std::get<bool>(parameter.value));
}

static_assert(static_cast<int>(domain_xml::NumaMode::Strict) == VIR_DOMAIN_NUMATUNE_MEM_STRICT &&
              static_cast<int>(domain_xml::NumaMode::Preferred) == VIR_DOMAIN_NUMATUNE_MEM_PREFERRED &&
              static_cast<int>(domain_xml::NumaMode::Interleave) == VIR_DOMAIN_NUMATUNE_MEM_INTERLEAVE &&
              static_cast<int>(domain_xml::NumaMode::Restrictive) == VIR_DOMAIN_NUMATUNE_MEM_RESTRICTIVE);

}  // namespace

const TunableFamily kSchedulerTunables = {"virDomainGetSchedulerParametersFlags",
                                          "virDomainSetSchedulerParametersFlags", stored_scheduler, scheduler_in_force,
                                          change_scheduler};
const TunableFamily kMemoryTunables = {"virDomainGetMemoryParameters", "virDomainSetMemoryParameters", stored_memory,
                                       memory_in_force, change_memory};
const TunableFamily kBlockTunables = {"virDomainGetBlkioParameters", "virDomainSetBlkioParameters", stored_block,
                                      block_in_force, change_block};
const TunableFamily kNumaTunables = {"virDomainGetNumaParameters", "virDomainSetNumaParameters", stored_numa,
                                     numa_in_force, change_numa};
const TunableFamily kPerfTunables = {"virDomainGetPerfEvents", "virDomainSetPerfEvents", stored_perf, perf_in_force,
                                     change_perf};

}  // namespace driver
