// The container's cgroup: where it is and what it may use.
#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/cpuset.hpp"

namespace container {
namespace {

constexpr std::uint64_t kMaxPids = 16384;  // what systemd gives a machine
constexpr std::size_t kMaxReducedName = 64;

std::optional<std::uint64_t> bytes(const std::optional<std::uint64_t>& kib) {
  if (!kib || *kib >= domain_xml::kUnlimitedKib) return std::nullopt;
  return *kib * 1024;
}

bool may_make_nodes(const domain_xml::DomainDefinition& definition) {
  const auto& feature = definition.features.capabilities;
  if (!feature) return false;
  const auto found = feature->states.find("mknod");
  return found != feature->states.end() && found->second;
}

std::vector<cgroup::DeviceRule> device_rules(const domain_xml::DomainDefinition& definition) {
  std::vector<cgroup::DeviceRule> rules = {{'c', 1, 3}, {'c', 1, 5}, {'c', 1, 7},    {'c', 1, 8},   {'c', 1, 9},
                                           {'c', 5, 0}, {'c', 5, 2}, {'c', 10, 229}, {'c', 136, -1}};
  if (may_make_nodes(definition)) {
    rules.push_back({'c', -1, -1, "m"});
    rules.push_back({'b', -1, -1, "m"});
  }
  return rules;
}

/// Names a kernel file could have get a leading underscore, so that a partition never hides one.
std::string escape_component(const std::string& name) {
  for (const std::string_view prefix : {"_", ".", "cgroup.", "cpu.", "cpuacct.", "cpuset.", "memory.", "devices.",
                                        "freezer.", "blkio.", "io.", "net_cls.", "perf_event.", "pids.", "hugetlb."})
    if (name.starts_with(prefix)) return "_" + name;
  return name;
}

bool keeps_its_name(const std::string& name, bool first_level) {
  return name.find('.') != name.npos || (first_level && (name == "machine" || name == "system" || name == "user"));
}

std::string partition_path(const std::string& partition) {
  if (!partition.starts_with('/'))
    base::fail(base::Code::ConfigUnsupported, "resource partition '", partition, "' must start with '/'");
  std::string path;
  std::size_t at = 1;
  while (at <= partition.size()) {
    const auto end = std::min(partition.find('/', at), partition.size());
    const std::string name = partition.substr(at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    if (name == "." || name == "..")
      base::fail(base::Code::ConfigUnsupported, "resource partition '", partition, "' must not contain '", name, "'");
    path += "/" + escape_component(keeps_its_name(name, path.empty()) ? name : name + ".partition");
  }
  return path;
}

/// `name` as systemd-machined takes it: [A-Za-z0-9.-], no doubled, leading or trailing dots and dashes.
std::string reduce_name(const std::string& name) {
  std::string reduced;
  for (const char c : name) {
    const bool mark = c == '.' || c == '-';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || (mark && !reduced.empty() && reduced.back() != '.' && reduced.back() != '-')) reduced += c;
    if (reduced.size() == kMaxReducedName) break;
  }
  while (!reduced.empty() && (reduced.back() == '.' || reduced.back() == '-')) reduced.pop_back();
  return reduced;
}

/// `definition.current_memory_kib` is 0 in definitions that nobody has completed.
std::uint64_t boot_memory_kib(const domain_xml::DomainDefinition& definition) {
  const std::uint64_t current = definition.current_memory_kib;
  return current ? std::min(current, definition.memory_kib) : definition.memory_kib;
}

/// <quota> and <global_quota> both mean the whole container: there are no vcpu threads to tell apart.
void plan_bandwidth(const domain_xml::CpuTune& tune, cgroup::Limits& limits) {
  auto period = tune.period_us;
  auto quota = tune.quota_us;
  if (!quota.value_or(0)) {
    quota = domain_xml::stored_number(tune, "global_quota");
    if (const auto global = domain_xml::stored_number(tune, "global_period"); quota && global)
      period = static_cast<std::uint64_t>(*global);
  }
  if (period.value_or(0)) limits.cpu_period_us = period;
  if (quota.value_or(0)) limits.cpu_quota_us = quota;
}

/// The modes that forbid other nodes; the others only prefer, which is no limit.
std::string memory_nodes(const domain_xml::DomainDefinition& definition) {
  const auto& numa = definition.numa_tune;
  if (!numa || numa->nodeset.empty()) return "";
  const bool forbids = numa->mode == domain_xml::NumaMode::Strict || numa->mode == domain_xml::NumaMode::Restrictive;
  return forbids ? domain_xml::canonical_cpuset(numa->nodeset) : "";
}

/// Zero is libvirt's "no limit" here.
template <typename Value>
std::optional<Value> unless_zero(const std::optional<Value>& value) {
  return value.value_or(0) ? value : std::nullopt;
}

cgroup::BlockDeviceLimits block_device_limits(const domain_xml::BlockDeviceTune& tune, const LimitFacts& facts) {
  const auto& device = facts.devices.at(tune.path);
  if (device.error)
    base::fail_errno_value(device.error, base::Code::SystemError, "cannot look at block device '", tune.path, "'");
  if (!device.block) base::fail_errno_value(ENOTBLK, base::Code::SystemError, "cannot limit '", tune.path, "'");
  return {.major = device.major,
          .minor = device.minor,
          .weight = unless_zero(tune.weight),
          .read_iops_sec = unless_zero(tune.read_iops_sec),
          .write_iops_sec = unless_zero(tune.write_iops_sec),
          .read_bytes_sec = unless_zero(tune.read_bytes_sec),
          .write_bytes_sec = unless_zero(tune.write_bytes_sec)};
}

/// The memory policy of processes that run is their own by now; only what the cgroup enforces can change.
void require_changeable_numa(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after) {
  using domain_xml::NumaMode;
  if (before.numa_tune == after.numa_tune) return;
  const auto mode_of = [](const auto& tune) { return tune ? tune->mode : NumaMode::Strict; };
  const NumaMode mode = mode_of(before.numa_tune);
  if (mode_of(after.numa_tune) != mode)
    base::fail(base::Code::OperationInvalid, "can't change 'numa_mode' of running domain '", before.name, "'");
  if (mode != NumaMode::Strict && mode != NumaMode::Restrictive)
    base::fail(base::Code::OperationInvalid, "can't change 'numa_nodeset' of running domain '", before.name,
               "' in mode preferred or interleave");
}

}  // namespace

cgroup::Limits plan_limits(const domain_xml::DomainDefinition& definition, const LimitFacts& facts) {
  const auto& tune = definition.memory_tune;
  cgroup::Limits limits;
  limits.memory_bytes = tune.hard_limit_kib ? bytes(tune.hard_limit_kib) : bytes(boot_memory_kib(definition));
  limits.memory_soft_bytes = bytes(tune.soft_limit_kib);
  limits.memory_swap_bytes = bytes(tune.swap_hard_limit_kib);
  // Zero is libvirt's "leave it alone" for these three.
  if (definition.cpu_tune.shares.value_or(0)) limits.cpu_shares = definition.cpu_tune.shares;
  plan_bandwidth(definition.cpu_tune, limits);
  limits.cpuset_cpus = plan_cpuset(definition, facts.online_cpus);
  limits.cpuset_mems = memory_nodes(definition);
  limits.blkio_weight = unless_zero(definition.block_tune.weight);
  for (const auto& device : definition.block_tune.devices)
    limits.block_devices.push_back(block_device_limits(device, facts));
  limits.pids_max = definition.extension.pids_limit.value_or(kMaxPids);
  limits.devices = device_rules(definition);
  return limits;
}

cgroup::Limits plan_limit_change(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                                 const LimitFacts& facts) {
  require_changeable_numa(before, after);
  // A device whose limits stay may have gone; one that is gone needs none lifted.
  domain_xml::DomainDefinition from = before, to = after;
  std::erase_if(to.block_tune.devices, [&](const auto& device) {
    const auto& old = before.block_tune.devices;
    return std::find(old.begin(), old.end(), device) != old.end();
  });
  std::erase_if(from.block_tune.devices, [&](const auto& device) {
    const auto& now = after.block_tune.devices;
    const auto& fact = facts.devices.at(device.path);
    return std::find(now.begin(), now.end(), device) != now.end() || fact.error || !fact.block;
  });
  const cgroup::Limits wanted = plan_limits(to, facts);
  cgroup::Limits change = cgroup::difference(plan_limits(from, facts), wanted);
  if (wanted.cpuset_cpus.empty() && !plan_cpuset(before, facts.online_cpus).empty())
    change.cpuset_cpus = facts.online_cpus;
  return change;
}

CgroupPlace plan_cgroup(const domain_xml::DomainDefinition& definition, const std::string& default_partition,
                        CgroupTree tree) {
  std::string uuid = base::format_uuid(definition.uuid);
  std::erase(uuid, '-');
  // Two names may reduce to one; the whole uuid keeps their groups apart.
  const std::string name = reduce_name(definition.name);
  const std::string& partition = definition.partition.empty() ? default_partition : definition.partition;
  CgroupPlace place{partition_path(partition), "lxc-" + name + (name.empty() ? "" : "-") + uuid + ".libvirt-lxc", {}};
  if (tree == CgroupTree::Systemd) {
    place.scope = cgroup::place_scope(partition);
    place.partition = place.scope->path;
  }
  return place;
}

}  // namespace container
