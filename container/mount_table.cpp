#include "container/mount_table.hpp"

#include <algorithm>

#include "cgroup/text.hpp"

namespace container {

MountTable parse_mount_table(std::string_view text) {
  MountTable table;
  for (const auto& line : cgroup::split(text, "\n")) {
    const auto fields = cgroup::split(line, " ");
    if (fields.size() < 6) continue;
    const auto id = cgroup::parse_number(fields[0]), parent = cgroup::parse_number(fields[1]);
    if (id && parent)
      table.push_back({static_cast<int>(*id), static_cast<int>(*parent), cgroup::unescape_path(fields[4])});
  }
  return table;
}

MountTable innermost_first(const MountTable& table, int id) {
  const auto top = std::ranges::find(table, id, &MountEntry::id);
  if (top == table.end()) return {};
  MountTable found{*top};
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const auto& entry : table)
      if (entry.parent == found[i].id && entry.id != found[i].id) found.push_back(entry);
  std::ranges::reverse(found);
  return found;
}

}  // namespace container
