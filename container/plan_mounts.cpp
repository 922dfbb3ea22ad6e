// What is mounted where inside, in order: the root, the kernel's file systems made harmless, cgroups, then the user's
// own.
#include <linux/mount.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::Filesystem;
using domain_xml::FilesystemType;

constexpr std::uint64_t kNoSuidDevExec = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t kReadOnly = kNoSuidDevExec | MOUNT_ATTR_RDONLY;
constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

const char* type_word(FilesystemType type) {
  switch (type) {
    case FilesystemType::Mount:
      return "mount";
    case FilesystemType::Bind:
      return "bind";
    case FilesystemType::File:
      return "file";
    case FilesystemType::Block:
      return "block";
    case FilesystemType::Ram:
      return "ram";
    case FilesystemType::Template:
      return "template";
    case FilesystemType::Volume:
      return "volume";
  }
  return "";
}

const SourceFacts& reachable_source(const Filesystem& filesystem, const HostFacts& facts, const char* what) {
  const auto found = facts.sources.find(filesystem.source);
  const int error = found == facts.sources.end() ? ENOENT : found->second.error;
  if (error)
    base::fail_errno_value(error, Code::InternalError, "guest failed to start: cannot open ", what, " '",
                           filesystem.source, "'");
  return found->second;
}

MountStep kernel_filesystem(const char* fstype, const std::string& target, std::uint64_t attributes,
                            std::string options = "") {
  return {.kind = MountKind::Filesystem,
          .source = fstype,
          .target = target,
          .fstype = fstype,
          .options = std::move(options),
          .attributes = attributes,
          .create = CreateTarget::Directory};
}

MountStep bind_on_itself(const std::string& path, std::uint64_t attributes, bool optional) {
  return {
      .kind = MountKind::BindInside, .source = path, .target = path, .attributes = attributes, .optional = optional};
}

MountStep mask(const std::string& path) {
  return {.kind = MountKind::Mask, .target = path, .optional = true};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

bool is_named(const cgroup::Mount& mount) {
  return mount.controllers.size() == 1 && mount.controllers.front().starts_with("name=");
}

/// The host's own name for a hierarchy, so that programs find the layout they know.
std::string hierarchy_name(const cgroup::Mount& mount) {
  const std::string prefix = std::string(kCgroupRoot) + "/";
  if (mount.path.starts_with(prefix)) return mount.path.substr(prefix.size());
  if (mount.version == 2) return "unified";
  return is_named(mount) ? mount.controllers.front().substr(std::strlen("name=")) : joined(mount.controllers);
}

MountStep cgroup_v1(const cgroup::Mount& mount) {
  const std::string options = is_named(mount) ? "none," + mount.controllers.front() : joined(mount.controllers);
  return kernel_filesystem("cgroup", std::string(kCgroupRoot) + "/" + hierarchy_name(mount), kNoSuidDevExec, options);
}

MountStep host_bind(const Filesystem& filesystem, const HostFacts& facts, bool user_namespace) {
  const SourceFacts& source = reachable_source(filesystem, facts, "filesystem source");
  return {.kind = MountKind::Bind,
          .source = filesystem.source,
          .target = filesystem.target,
          .attributes = filesystem.readonly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0,
          .create = source.kind == SourceFacts::Kind::Directory ? CreateTarget::Directory : CreateTarget::File,
          .recursive = true,
          // Only where asked: shifting lets the container's root act as the host's root on these files.
          .idmapped = user_namespace && filesystem.access_mode == "mapped"};
}

MountStep bind_inside(const Filesystem& filesystem) {
  return {.kind = MountKind::BindInside,
          .source = filesystem.source,
          .target = filesystem.target,
          .attributes = filesystem.readonly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0,
          .create = CreateTarget::Directory,
          .recursive = true};
}

MountStep ram_disk(const Filesystem& filesystem) {
  auto step = kernel_filesystem("tmpfs", filesystem.target, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                "size=" + std::to_string(filesystem.ram_usage_bytes));
  if (filesystem.readonly) step.attributes |= MOUNT_ATTR_RDONLY;
  return step;
}

MountStep user_mount(const Filesystem& filesystem, const HostFacts& facts, bool user_namespace) {
  switch (filesystem.type) {
    case FilesystemType::Mount:
      return host_bind(filesystem, facts, user_namespace);
    case FilesystemType::Bind:
      return bind_inside(filesystem);
    case FilesystemType::Ram:
      return ram_disk(filesystem);
    default:
      base::fail(Code::ConfigUnsupported, "filesystem type '", type_word(filesystem.type), "' on '", filesystem.target,
                 "' is not supported");
  }
}

bool covers(const std::vector<domain_xml::IdMapEntry>& map, std::uint32_t host_id) {
  return std::any_of(map.begin(), map.end(), [&](const auto& entry) {
    return host_id >= entry.target && host_id - entry.target < entry.count;
  });
}

}  // namespace

const Filesystem* find_root(const domain_xml::DomainDefinition& definition) {
  const auto& all = definition.filesystems;
  const auto found = std::find_if(all.begin(), all.end(), [](const Filesystem& one) { return one.target == "/"; });
  return found == all.end() ? nullptr : &*found;
}

domain_xml::DomainDefinition with_root(const domain_xml::DomainDefinition& definition, const UnsafeDefaults& unsafe) {
  auto copy = definition;
  if (!unsafe.share_host_root || find_root(definition)) return copy;
  Filesystem root;
  root.access_mode = "passthrough";
  root.source = root.target = "/";
  copy.filesystems.insert(copy.filesystems.begin(), root);
  return copy;
}

namespace {

void plan_overlay(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  const auto& overlay = definition.extension.overlay;
  if (!overlay) return;
  plan.root_overlay = true;
  if (overlay->memory_limit_kib) plan.overlay_options = "size=" + std::to_string(*overlay->memory_limit_kib) + "k";
  if (overlay->directory.empty()) return;
  const auto found = facts.sources.find(overlay->directory);
  const int error = found == facts.sources.end()                         ? ENOENT
                    : found->second.error                                ? found->second.error
                    : found->second.kind != SourceFacts::Kind::Directory ? ENOTDIR
                                                                         : 0;
  if (error)
    base::fail_errno_value(error, Code::InternalError, "guest failed to start: cannot open root overlay directory '",
                           overlay->directory, "'");
  plan.overlay_directory = overlay->directory;
}

}  // namespace

void plan_root(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  const Filesystem* root = find_root(definition);
  if (!root)
    base::fail(Code::ConfigUnsupported,
               "container has no root filesystem: add <filesystem type='mount'> with <target dir='/'/>");
  if (root->type != FilesystemType::Mount)
    base::fail(Code::ConfigUnsupported, "filesystem type '", type_word(root->type), "' is not supported for the root");
  const SourceFacts& source = reachable_source(*root, facts, "root directory");
  if (source.kind != SourceFacts::Kind::Directory)
    base::fail_errno_value(ENOTDIR, Code::InternalError, "guest failed to start: cannot open root directory '",
                           root->source, "'");
  plan.root_source = root->source;
  plan.root_readonly = root->readonly;
  // A tree its owner has shifted by hand stays as it is, and the host's own root is never given to a container's root.
  plan_overlay(plan, definition, facts);
  plan.root_idmapped = !definition.idmap.empty() && root->source != "/" && !covers(definition.idmap.uids, source.owner);
}

void plan_kernel_mounts(ContainerPlan& plan, bool private_network) {
  auto& mounts = plan.mounts;
  mounts.push_back(kernel_filesystem("proc", "/proc", kNoSuidDevExec));
  mounts.push_back(bind_on_itself("/proc/sys", kNoSuidDevExec, false));
  // Bound while /proc/sys is still writable: a bind of a read-only mount would be read-only too.
  if (private_network) mounts.push_back(bind_on_itself("/proc/sys/net", kNoSuidDevExec, false));
  mounts.push_back({.kind = MountKind::Attributes, .target = "/proc/sys", .attributes = kReadOnly});
  for (const char* path : {"/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"})
    mounts.push_back(bind_on_itself(path, kReadOnly, true));
  for (const char* path : {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
                           "/proc/scsi", "/proc/acpi", "/proc/asound"})
    mounts.push_back(mask(path));
  if (!private_network && !plan.uid_map.empty()) {
    // A sysfs of one's own needs a network namespace of one's own (sysfs shows links); the host's is bound instead.
    mounts.push_back({.kind = MountKind::Bind,
                      .source = "/sys",
                      .target = "/sys",
                      .attributes = kReadOnly,
                      .create = CreateTarget::Directory,
                      .recursive = true});
  } else {
    mounts.push_back(kernel_filesystem("sysfs", "/sys", kReadOnly));
  }
  for (const char* path :
       {"/sys/firmware", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/devices/virtual/powercap"})
    mounts.push_back(mask(path));
}

void plan_cgroup_mounts(ContainerPlan& plan, const cgroup::Hierarchy& hierarchy) {
  std::vector<cgroup::Mount> used;
  std::copy_if(hierarchy.mounts().begin(), hierarchy.mounts().end(), std::back_inserter(used),
               cgroup::used_by_containers);
  if (used.empty()) return;
  if (used.size() == 1 && used.front().version == 2) {
    plan.mounts.push_back(kernel_filesystem("cgroup2", kCgroupRoot, kNoSuidDevExec));
    return;
  }
  plan.mounts.push_back(kernel_filesystem("tmpfs", kCgroupRoot, kNoSuidDevExec, "size=64k,mode=755"));
  for (const auto& mount : used) {
    const std::string name = hierarchy_name(mount);
    if (mount.version == 2) {
      plan.mounts.push_back(kernel_filesystem("cgroup2", std::string(kCgroupRoot) + "/" + name, kNoSuidDevExec));
      continue;
    }
    plan.mounts.push_back(cgroup_v1(mount));
    if (mount.controllers.size() < 2) continue;
    for (const auto& controller : mount.controllers)
      plan.mounts.push_back({.kind = MountKind::BindInside,
                             .source = std::string(kCgroupRoot) + "/" + name,
                             .target = std::string(kCgroupRoot) + "/" + controller,
                             .create = CreateTarget::Directory});
  }
  plan.mounts.push_back({.kind = MountKind::Attributes, .target = kCgroupRoot, .attributes = kReadOnly});
}

void plan_user_mounts(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  const Filesystem* root = find_root(definition);
  for (const auto& filesystem : definition.filesystems) {
    if (&filesystem == root) continue;
    if (filesystem.target == "/") base::fail(Code::ConfigUnsupported, "container has two root filesystems");
    auto step = user_mount(filesystem, facts, !plan.uid_map.empty());
    if (!step.target.starts_with('/')) step.target.insert(0, "/");
    plan.mounts.push_back(std::move(step));
  }
}

}  // namespace container
