// What is mounted where inside, in order: the root, the kernel's file systems made harmless, cgroups, then the user's
// own.
#include <linux/mount.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "cgroup/group.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"
#include "container/plan_security.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::Filesystem;
using domain_xml::FilesystemType;

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

/// The payload's own place in the hierarchy; which that is, plan_cgroup_places() says.
/// Below a read-only one a process could not make a group either, which v1's blkio would not limit at all.
MountStep cgroup_mount(const cgroup::Mount& mount, const std::string& target) {
  return {.kind = MountKind::Cgroup,
          .source = mount.path,
          .target = target,
          .attributes = cgroup::has_limits_in_payload(mount) ? kReadOnly : kNoSuidDevExec,
          .create = CreateTarget::Directory};
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

std::uint64_t ram_bytes(const Filesystem& filesystem) {
  const std::uint64_t limit = filesystem.space_hard_limit_bytes.value_or(0);
  return limit ? std::min(filesystem.ram_usage_bytes, limit) : filesystem.ram_usage_bytes;
}

MountStep ram_disk(const Filesystem& filesystem) {
  auto step = kernel_filesystem("tmpfs", filesystem.target, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                "size=" + std::to_string(ram_bytes(filesystem)));
  if (filesystem.readonly) step.attributes |= MOUNT_ATTR_RDONLY;
  return step;
}

bool is_image(const Filesystem& filesystem) {
  return filesystem.type == FilesystemType::File || filesystem.type == FilesystemType::Block;
}

/// "loop" or "block".
const char* image_kind(const Filesystem& filesystem) {
  if (filesystem.type == FilesystemType::Block) return "block";
  const auto& format = filesystem.driver_format;
  if (!filesystem.driver_type.empty() && filesystem.driver_type != "loop")
    base::fail(Code::ConfigUnsupported, "filesystem driver '", filesystem.driver_type, "' on '", filesystem.target,
               "' is not supported, only 'loop' is");
  if (!format.empty() && format != "raw" && format != "none")
    base::fail(Code::ConfigUnsupported, "image format '", format, "' of filesystem '", filesystem.target,
               "' is not supported, only 'raw' is: convert it (qemu-img convert -O raw)");
  return "loop";
}

/// Its files are the container's own, unlike a directory's.
MountStep image(const Filesystem& filesystem, const HostFacts& facts, bool user_namespace) {
  const char* const kind = image_kind(filesystem);
  reachable_source(filesystem, facts, "filesystem source");
  return {.kind = MountKind::Image,
          .source = filesystem.source,
          .target = filesystem.target,
          .fstype = kind,
          .attributes = MOUNT_ATTR_NODEV | (filesystem.readonly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0),
          .create = CreateTarget::Directory,
          .idmapped = user_namespace};
}

MountStep user_mount(const Filesystem& filesystem, const HostFacts& facts, bool user_namespace) {
  if (filesystem.target == "/") base::fail(Code::ConfigUnsupported, "container has two root filesystems");
  switch (filesystem.type) {
    case FilesystemType::Mount:
      return host_bind(filesystem, facts, user_namespace);
    case FilesystemType::Bind:
      return bind_inside(filesystem);
    case FilesystemType::Ram:
      return ram_disk(filesystem);
    case FilesystemType::File:
    case FilesystemType::Block:
      return image(filesystem, facts, user_namespace);
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
    base::fail(
        Code::ConfigUnsupported,
        "container has no root filesystem: add <filesystem type='mount'> with <target dir='/'/>, or allow the host's"
        " by share_host_root in virtlxcelld.conf");
  if (root->type != FilesystemType::Mount && !is_image(*root))
    base::fail(Code::ConfigUnsupported, "filesystem type '", type_word(root->type), "' is not supported for the root");
  plan.root_source = root->source;
  plan.root_readonly = root->readonly;
  if (is_image(*root)) {
    reachable_source(*root, facts, "root image");
    plan.root_image = image_kind(*root);
    plan.root_idmapped = !definition.idmap.empty();
    if (definition.extension.overlay)
      base::fail(Code::ConfigUnsupported, "a root overlay needs a directory below it, which '", root->source,
                 "' is not");
    return;
  }
  const SourceFacts& source = reachable_source(*root, facts, "root directory");
  if (source.kind != SourceFacts::Kind::Directory)
    base::fail_errno_value(ENOTDIR, Code::InternalError, "guest failed to start: cannot open root directory '",
                           root->source, "'");
  // A tree its owner has shifted by hand stays as it is, and the host's own root is never given to a container's root.
  plan_overlay(plan, definition, facts);
  plan.root_idmapped = !definition.idmap.empty() && root->source != "/" && !covers(definition.idmap.uids, source.owner);
}

void plan_kernel_mounts(ContainerPlan& plan, bool private_network, KernelLog log) {
  auto& mounts = plan.mounts;
  mounts.push_back(kernel_filesystem("proc", "/proc", kNoSuidDevExec));
  mounts.push_back(bind_on_itself("/proc/sys", kNoSuidDevExec, false));
  // Bound while /proc/sys is still writable: a bind of a read-only mount would be read-only too.
  if (private_network) mounts.push_back(bind_on_itself("/proc/sys/net", kNoSuidDevExec, false));
  mounts.push_back({.kind = MountKind::Attributes, .target = "/proc/sys", .attributes = kReadOnly});
  for (const char* path : {"/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"})
    mounts.push_back(bind_on_itself(path, kReadOnly, true));
  // The host's memory, keys, timers and devices; interrupts tell what its other users type.
  for (const char* path :
       {"/proc/kcore",         "/proc/kpagecgroup", "/proc/kpagecount",  "/proc/kpageflags",  "/proc/keys",
        "/proc/key-users",     "/proc/slabinfo",    "/proc/vmallocinfo", "/proc/iomem",       "/proc/ioports",
        "/proc/mtrr",          "/proc/timer_list",  "/proc/timer_stats", "/proc/sched_debug", "/proc/latency_stats",
        "/proc/dynamic_debug", "/proc/interrupts",  "/proc/scsi",        "/proc/acpi",        "/proc/asound"})
    mounts.push_back(mask(path));
  if (log == KernelLog::Hidden)
    for (const char* path : {"/proc/kmsg", "/proc/kallsyms"}) mounts.push_back(mask(path));
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
  for (const char* path : {"/sys/firmware", "/sys/kernel/config", "/sys/kernel/debug", "/sys/kernel/tracing",
                           "/sys/devices/virtual/powercap"})
    mounts.push_back(mask(path));
}

void plan_cgroup_mounts(ContainerPlan& plan, const cgroup::Hierarchy& hierarchy) {
  std::vector<cgroup::Mount> used;
  std::copy_if(hierarchy.mounts().begin(), hierarchy.mounts().end(), std::back_inserter(used),
               cgroup::used_by_containers);
  if (used.empty()) return;
  if (used.size() == 1 && used.front().version == 2) {
    plan.mounts.push_back(cgroup_mount(used.front(), kCgroupRoot));
    return;
  }
  plan.mounts.push_back(kernel_filesystem("tmpfs", kCgroupRoot, kNoSuidDevExec, "size=64k,mode=755"));
  for (const auto& mount : used) {
    const std::string name = hierarchy_name(mount);
    plan.mounts.push_back(cgroup_mount(mount, std::string(kCgroupRoot) + "/" + name));
    if (mount.version == 2 || mount.controllers.size() < 2) continue;
    for (const auto& controller : mount.controllers)
      plan.mounts.push_back({.kind = MountKind::BindInside,
                             .source = std::string(kCgroupRoot) + "/" + name,
                             .target = std::string(kCgroupRoot) + "/" + controller,
                             .create = CreateTarget::Directory});
  }
  plan.mounts.push_back({.kind = MountKind::Attributes, .target = kCgroupRoot, .attributes = kReadOnly});
}

namespace {

std::string inside(const std::string& target) {
  return target.starts_with('/') ? target : "/" + target;
}

/// What cannot be held must not be promised: a directory is part of a file system of the host's, whose project quotas
/// are its administrator's, and an image has the size it was made with.
void require_no_quota(const Filesystem& filesystem) {
  const bool soft = filesystem.space_soft_limit_bytes.value_or(0) != 0;
  const bool hard = filesystem.space_hard_limit_bytes.value_or(0) != 0;
  if (soft || (hard && filesystem.type != FilesystemType::Ram))
    base::fail(
        Code::ConfigUnsupported, "filesystem '", filesystem.target, "': '",
        soft ? "space_soft_limit" : "space_hard_limit",
        "' is not supported, only the hard limit of type 'ram' is; an image (type 'file') has a size of its own");
}

MountStep plan_filesystem(const Filesystem& filesystem, const HostFacts& facts, bool user_namespace) {
  require_no_quota(filesystem);
  MountStep step = user_mount(filesystem, facts, user_namespace);
  step.target = inside(step.target);
  step.detachable = true;
  return step;
}

std::vector<Filesystem> without(std::vector<Filesystem> filesystems, const std::vector<Filesystem>& others) {
  std::erase_if(filesystems, [&](const Filesystem& one) { return std::ranges::count(others, one) != 0; });
  return filesystems;
}

}  // namespace

MountChange plan_mount_change(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                              const HostFacts& facts) {
  const auto gone = without(before.filesystems, after.filesystems),
             come = without(after.filesystems, before.filesystems);
  for (const auto& list : {gone, come})
    for (const auto& filesystem : list)
      if (filesystem.target == "/")
        base::fail(Code::OperationUnsupported, "the root filesystem cannot change while the domain is running");
  MountChange change;
  for (const auto& filesystem : gone) change.removed.push_back(inside(filesystem.target));
  std::ranges::reverse(change.removed);  // one may lie in another that came before it
  const bool user_namespace = !with_id_map(after).idmap.empty();
  for (const auto& filesystem : come) {
    const auto source = facts.sources.find(filesystem.source);
    if (source != facts.sources.end() && source->second.error)
      base::fail_errno_value(source->second.error, Code::SystemError, "cannot open filesystem source '",
                             filesystem.source, "'");
    change.added.push_back(plan_filesystem(filesystem, facts, user_namespace));
    label_step(change.added.back(), after);
  }
  return change;
}

void plan_user_mounts(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  const Filesystem* root = find_root(definition);
  for (const auto& filesystem : definition.filesystems) {
    if (&filesystem == root) continue;
    plan.mounts.push_back(plan_filesystem(filesystem, facts, !definition.idmap.empty()));
  }
}

}  // namespace container
