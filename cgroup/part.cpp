#include "cgroup/part.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "cgroup/cpuset.hpp"
#include "cgroup/group.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

using base::Code;

constexpr int kMaxTries = 3;

/// The payload needs a directory of its own wherever the container's directory has limits it must not rewrite, or a
/// state (frozen) the supervisor must not share. cpuacct alone only counts, a directory less to make at every start;
/// and v1 blkio throttles each directory by itself, never a directory for those above it (blkio-controller.rst), so the
/// limits must be where the processes are.
bool wants_payload_leaf(const Mount& mount) {
  if (mount.version == 2) return true;
  return mount.controllers != std::vector<std::string>{"cpuacct"} &&
         mount.controllers != std::vector<std::string>{"blkio"};
}

/// A new v1 directory starts without what its processes need (cpuset), or outside its parent's limits (memory
/// before 5.11). False if it was a cpuset that the kernel had not filled.
bool prepare_new_directory(const Mount& mount, const Directory& directory) {
  if (mount.version != 1) return true;
  const bool cloned = !mount.has("cpuset") || !inherit_cpuset(directory);
  if (mount.has("memory") && parse_number(directory.read("memory.use_hierarchy").value_or("1")) == 0)
    directory.write("memory.use_hierarchy", "1");
  return cloned;
}

/// Opens the partition, making what is missing. Partitions are shared, so nobody removes them.
Directory make_partition(const Mount& mount, const std::string& partition) {
  if (auto there = Directory::open(mount.path + partition)) return std::move(*there);
  auto at = Directory::open(mount.path);
  if (!at) base::fail(Code::SystemError, "cgroup mount '", mount.path, "' is gone");
  for (const auto& name : split(partition, "/")) {
    const bool made = at->make_child(name);
    auto next = at->child(name);
    if (!next) base::fail(Code::SystemError, "cgroup '", at->path(), "/", name, "' vanished");
    if (made) prepare_new_directory(mount, *next);
    at = std::move(next);
  }
  return std::move(*at);
}

std::optional<Directory> make_container_directory(const Mount& mount, const std::string& partition,
                                                  const std::string& leaf) {
  for (int again = kMaxTries; true; --again) {
    const Directory parent = make_partition(mount, partition);
    try {
      if (!parent.make_child(leaf)) return std::nullopt;
    } catch (const base::Error& error) {
      // Another daemon thought the partition unused and removed it meanwhile.
      if (again > 0 && (error.system_errno() == ENOENT || error.system_errno() == ENODEV)) continue;
      throw;
    }
    try {
      auto made = parent.child(leaf);
      if (!made) base::fail(Code::SystemError, "cgroup '", parent.path(), "/", leaf, "' vanished");
      return made;
    } catch (...) {
      parent.remove_child(leaf.c_str());
      throw;
    }
  }
}

}  // namespace

std::string payload_path(const Mount& mount, const std::string& partition, const std::string& leaf) {
  const std::string group = mount.path + partition + "/" + leaf;
  return wants_payload_leaf(mount) ? group + "/" + kPayloadLeaf : group;
}

bool has_limits_in_payload(const Mount& mount) {
  return mount.has("blkio") && !wants_payload_leaf(mount);
}

Directory Part::payload() const {
  if (auto own = leaf(kPayloadLeaf)) return std::move(*own);
  return Directory(directory.open_file(".", O_PATH | O_DIRECTORY));
}

base::Fd Part::open_tasks(const char* leaf) const {
  const bool own = leaf == std::string_view(kPayloadLeaf) && wants_payload_leaf(*mount);
  return directory.open_file(own ? std::string(leaf) + "/tasks" : "tasks", O_WRONLY);
}

void Part::make_leaves() const {
  if (mount->version == 2) directory.make_child(kSupervisorLeaf);
  if (wants_payload_leaf(*mount)) directory.make_child(kPayloadLeaf);
}

bool Part::remove(const std::string& name) const noexcept {
  // The usual case without listing anything; whatever else is there, Directory::remove() finds.
  directory.remove_child(kSupervisorLeaf);
  directory.remove_child(kPayloadLeaf);
  return directory.remove(name);
}

std::optional<Part> create_part(const Mount& mount, const std::string& partition, const std::string& leaf) {
  auto made = make_container_directory(mount, partition, leaf);
  if (!made) return std::nullopt;
  Part part{&mount, std::move(*made)};
  try {
    const bool cloned = prepare_new_directory(mount, part.directory);
    // A partition somebody else made: its next container need not be written to, which among a thousand takes 2 ms.
    if (!cloned && !split(partition, "/").empty()) part.directory.try_write("../cgroup.clone_children", "1");
  } catch (...) {
    part.remove(leaf);
    throw;
  }
  return part;
}

}  // namespace cgroup
