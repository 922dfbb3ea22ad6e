// The group in one hierarchy: its directory there, with the leaves processes go into.
#pragma once

#include <optional>
#include <string>

#include "cgroup/directory.hpp"
#include "cgroup/hierarchy.hpp"

namespace cgroup {

inline constexpr const char* kSupervisorLeaf = "supervisor";
inline constexpr const char* kPayloadLeaf = "payload";

struct Part {
  const Mount* mount;  // of the group's hierarchy
  Directory directory;

  std::optional<Directory> leaf(const char* name) const { return directory.child(name); }
  /// The payload's own leaf, or the container's directory where it has none.
  Directory payload() const;
  /// v1: the `tasks` file of the directory that the processes of `leaf` live in.
  base::Fd open_tasks(const char* leaf) const;
  /// Both leaves on v2, which allows no processes beside children. On v1 the supervisor lives in the directory itself.
  void make_leaves() const;
  /// rmdir of the leaves and whatever else is below, and of the directory `name` itself. False while something in it is
  /// alive.
  bool remove(const std::string& name) const noexcept;
};

/// Makes `partition`/`leaf` in one hierarchy, which has to live as long as what is returned, missing parts of the
/// (shared, never removed) partition included. nullopt if it is there already.
std::optional<Part> create_part(const Mount& mount, const std::string& partition, const std::string& leaf);

}  // namespace cgroup
