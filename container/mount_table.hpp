// What is mounted in a mount namespace (proc(5), mountinfo), as one of its processes sees it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace container {

struct MountEntry {
  int id = 0, parent = 0;
  std::string path;
  bool operator==(const MountEntry&) const = default;
};
using MountTable = std::vector<MountEntry>;

/// Pure. Lines that make no sense are left out.
MountTable parse_mount_table(std::string_view text);
/// The mount with this id and all below it, each after those below it; empty if there is none.
MountTable innermost_first(const MountTable& table, int id);

}  // namespace container
