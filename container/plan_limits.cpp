// The container's cgroup: where it is and what it may use.
#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/io_tune.hpp"
#include "domain-xml/perf_events.hpp"

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

std::vector<cgroup::DeviceRule> device_rules(const domain_xml::DomainDefinition& definition, const LimitFacts& facts) {
  std::vector<cgroup::DeviceRule> rules = {{'c', 1, 3}, {'c', 1, 5}, {'c', 1, 7},    {'c', 1, 8},   {'c', 1, 9},
                                           {'c', 5, 0}, {'c', 5, 2}, {'c', 10, 229}, {'c', 136, -1}};
  if (may_make_nodes(definition)) {
    rules.push_back({'c', -1, -1, "m"});
    rules.push_back({'b', -1, -1, "m"});
  }
  for (auto& rule : given_device_rules(given_devices(definition), facts.devices)) rules.push_back(std::move(rule));
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
  if (device.type != 'b') base::fail_errno_value(ENOTBLK, base::Code::SystemError, "cannot limit '", tune.path, "'");
  return {.major = device.major,
          .minor = device.minor,
          .weight = unless_zero(tune.weight),
          .read_iops_sec = unless_zero(tune.read_iops_sec),
          .write_iops_sec = unless_zero(tune.write_iops_sec),
          .read_bytes_sec = unless_zero(tune.read_bytes_sec),
          .write_bytes_sec = unless_zero(tune.write_bytes_sec)};
}

template <typename Value>
void lower(std::optional<Value>& limit, const std::optional<Value>& other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

/// A device has one limit of each kind, whoever asks for it: the lowest.
void add_limits(std::vector<cgroup::BlockDeviceLimits>& limits, const cgroup::BlockDeviceLimits& more) {
  const auto same = std::find_if(limits.begin(), limits.end(),
                                 [&](const auto& one) { return one.major == more.major && one.minor == more.minor; });
  if (same == limits.end()) {
    limits.push_back(more);
    return;
  }
  if (!same->weight) same->weight = more.weight;
  lower(same->read_iops_sec, more.read_iops_sec);
  lower(same->write_iops_sec, more.write_iops_sec);
  lower(same->read_bytes_sec, more.read_bytes_sec);
  lower(same->write_bytes_sec, more.write_bytes_sec);
}

/// One that is not on this host needs none: without it the container does not start.
void add_disk_limits(const domain_xml::DomainDefinition& definition, const LimitFacts& facts, cgroup::Limits& limits) {
  const auto given = given_devices(definition);  // the disks come first
  for (std::size_t i = 0; i < definition.disks.size(); ++i) {
    const auto tune = domain_xml::io_tune(definition.disks[i]);
    const auto device = facts.devices.find(given[i].source);
    if (tune.empty() || device == facts.devices.end() || device->second.error || device->second.type != 'b') continue;
    const auto limit = [&](const char* name) -> std::optional<std::uint64_t> {
      const auto found = tune.find(name);
      return found == tune.end() ? std::nullopt : std::optional(found->second);
    };
    add_limits(limits.block_devices, {.major = device->second.major,
                                      .minor = device->second.minor,
                                      .read_iops_sec = limit(domain_xml::kReadIopsSec),
                                      .write_iops_sec = limit(domain_xml::kWriteIopsSec),
                                      .read_bytes_sec = limit(domain_xml::kReadBytesSec),
                                      .write_bytes_sec = limit(domain_xml::kWriteBytesSec)});
  }
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
    add_limits(limits.block_devices, block_device_limits(device, facts));
  add_disk_limits(definition, facts, limits);
  limits.pids_max = definition.extension.pids_limit.value_or(kMaxPids);
  limits.devices = device_rules(definition, facts);
  if (auto counted = domain_xml::perf_events(definition); !counted.empty()) limits.perf_events = std::move(counted);
  return limits;
}

cgroup::Limits plan_limit_change(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                                 const LimitFacts& facts) {
  require_changeable_numa(before, after);
  // A device whose limits stay may have gone; one that is gone needs none lifted.
  domain_xml::DomainDefinition from = before, to = after;
  const auto gone = [&](const domain_xml::BlockDeviceTune& device) {
    const auto& fact = facts.devices.at(device.path);
    return fact.error || fact.type != 'b';
  };
  std::erase_if(from.block_tune.devices, gone);
  std::erase_if(to.block_tune.devices, [&](const auto& device) {
    const auto& old = before.block_tune.devices;
    return gone(device) && std::find(old.begin(), old.end(), device) != old.end();
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
