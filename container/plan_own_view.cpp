// The container's own /proc/meminfo and the like: lxcfs's where it is mounted, else the supervisor's own.
#include <algorithm>

#include "cgroup/group.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"

namespace container {
namespace {

struct OwnFile {
  const char *name, *target;
};
constexpr OwnFile kOwnFiles[] = {{"meminfo", "/proc/meminfo"},     {"swaps", "/proc/swaps"},
                                 {"cpuinfo", "/proc/cpuinfo"},     {"stat", "/proc/stat"},
                                 {"uptime", "/proc/uptime"},       {"loadavg", "/proc/loadavg"},
                                 {"diskstats", "/proc/diskstats"}, {"online", "/sys/devices/system/cpu/online"}};

std::string directory_in(const cgroup::Mount& mount, const CgroupPlace& place) {
  return mount.path + place.partition + "/" + place.leaf;
}

/// A hierarchy with all processes of the container and nobody else's.
const cgroup::Mount* find_tasks(const cgroup::Hierarchy& hierarchy) {
  const auto unified = std::ranges::find(hierarchy.mounts(), 2, &cgroup::Mount::version);
  if (unified != hierarchy.mounts().end()) return &*unified;
  for (const char* controller : {"pids", "cpu", "memory"})
    if (const cgroup::Mount* mount = hierarchy.find(controller)) return mount;
  return nullptr;
}

/// What the user puts there wins, and would not: own files come last of all mounts.
bool user_mounts_on(const domain_xml::DomainDefinition& definition, const std::string& target) {
  const auto& all = definition.filesystems;
  return std::any_of(all.begin(), all.end(), [&](const auto& filesystem) { return filesystem.target == target; });
}

}  // namespace

void plan_own_files(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  for (const auto& file : facts.lxcfs_files)
    plan.mounts.push_back({.kind = MountKind::Bind,
                           .source = kLxcfsDirectory + file,
                           .target = file,
                           .attributes = kReadOnly,
                           .optional = true});
  plan.own_view.served = facts.fuse && facts.lxcfs_files.empty();
  if (!plan.own_view.served) return;
  for (const auto& [name, target] : kOwnFiles)
    if (!user_mounts_on(definition, target))
      plan.mounts.push_back({.kind = MountKind::OwnFile, .source = name, .target = target, .optional = true});
}

void plan_cgroup_places(ContainerPlan& plan, const cgroup::Hierarchy& hierarchy, const CgroupPlace& place) {
  for (MountStep& step : plan.mounts) {
    const auto mount = std::ranges::find(hierarchy.mounts(), step.source, &cgroup::Mount::path);
    if (step.kind == MountKind::Cgroup && mount != hierarchy.mounts().end())
      step.source = cgroup::payload_path(*mount, place.partition, place.leaf);
  }
  if (!plan.own_view.served) return;
  if (const cgroup::Mount* memory = hierarchy.find("memory")) {
    plan.own_view.memory_directory = directory_in(*memory, place);
    plan.own_view.memory_version = static_cast<std::uint32_t>(memory->version);
  }
  // Where the processes are; what is limited above shows there.
  const auto payload = [&](const cgroup::Mount* mount) {
    return mount ? cgroup::payload_path(*mount, place.partition, place.leaf) : "";
  };
  const auto version = [](const cgroup::Mount* mount) {
    return mount ? static_cast<std::uint32_t>(mount->version) : 0;
  };
  const cgroup::Mount* const cpu = hierarchy.find("cpuacct");
  const cgroup::Mount* const io = hierarchy.find("blkio");
  plan.own_view.cpuset_directory = payload(hierarchy.find("cpuset"));
  plan.own_view.cpu_directory = payload(cpu);
  plan.own_view.cpu_version = version(cpu);
  plan.own_view.io_directory = payload(io);
  plan.own_view.io_version = version(io);
  plan.own_view.tasks_directory = payload(find_tasks(hierarchy));
}

}  // namespace container
