// The container's cgroup: where it is and what it may use.
#include <algorithm>
#include <string_view>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/cpuset.hpp"

namespace container {
namespace {

constexpr std::uint64_t kUnlimitedKib = 9007199254740991;  // libvirt's "no limit"
constexpr std::uint64_t kMaxPids = 16384;                  // what systemd gives a machine
constexpr std::size_t kMaxReducedName = 64;

std::optional<std::uint64_t> bytes(const std::optional<std::uint64_t>& kib) {
  if (!kib || *kib >= kUnlimitedKib) return std::nullopt;
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

}  // namespace

cgroup::Limits plan_limits(const domain_xml::DomainDefinition& definition) {
  const auto& tune = definition.memory_tune;
  cgroup::Limits limits;
  limits.memory_bytes = tune.hard_limit_kib ? bytes(tune.hard_limit_kib) : bytes(definition.memory_kib);
  limits.memory_soft_bytes = bytes(tune.soft_limit_kib);
  limits.memory_swap_bytes = bytes(tune.swap_hard_limit_kib);
  // Zero is libvirt's "leave it alone" for these three.
  if (definition.cpu_tune.shares.value_or(0)) limits.cpu_shares = definition.cpu_tune.shares;
  if (definition.cpu_tune.period_us.value_or(0)) limits.cpu_period_us = definition.cpu_tune.period_us;
  if (definition.cpu_tune.quota_us.value_or(0)) limits.cpu_quota_us = definition.cpu_tune.quota_us;
  if (!definition.cpuset.empty()) limits.cpuset_cpus = domain_xml::canonical_cpuset(definition.cpuset);
  limits.pids_max = definition.extension.pids_limit.value_or(kMaxPids);
  limits.devices = device_rules(definition);
  return limits;
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
