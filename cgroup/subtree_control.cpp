#include "cgroup/subtree_control.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

std::set<std::string> names_in(const std::optional<std::string>& text) {
  const auto names = split(text.value_or(""), " \n");
  return {names.begin(), names.end()};
}

std::set<std::string> minus(const std::set<std::string>& from, const std::set<std::string>& other) {
  std::set<std::string> rest;
  std::set_difference(from.begin(), from.end(), other.begin(), other.end(), std::inserter(rest, rest.end()));
  return rest;
}

/// Passes `wanted` on to the children of one directory. One write for all is cheapest, but fails as a whole.
void pass_on(const Directory& directory, const std::set<std::string>& wanted, const std::set<std::string>& needed) {
  const auto missing = minus(wanted, names_in(directory.read("cgroup.subtree_control")));
  if (missing.empty()) return;
  std::string all;
  for (const auto& name : missing) all += (all.empty() ? "+" : " +") + name;
  if (directory.try_write("cgroup.subtree_control", all) == 0) return;
  for (const auto& name : missing) {
    const int error = directory.try_write("cgroup.subtree_control", "+" + name);
    if (error && needed.count(name))
      base::fail_errno_value(error, base::Code::SystemError, "cannot enable cgroup controller '", name, "' below '",
                             directory.path(), "'");
  }
}

}  // namespace

std::string v2_name(const std::string& controller) {
  return controller == "blkio" ? "io" : controller;
}

void enable_controllers(const Mount& mount, const Directory& container, const std::string& path,
                        const std::set<std::string>& needed) {
  std::set<std::string> wanted = needed;
  for (const std::string name : {"cpu", "io", "memory", "pids"})
    if (std::find(mount.controllers.begin(), mount.controllers.end(), name) != mount.controllers.end())
      wanted.insert(name);
  if (wanted.empty()) return;
  // The usual start finds everything passed on down to the container already.
  if (!minus(wanted, names_in(container.read("cgroup.controllers"))).empty()) {
    auto at = Directory::open(mount.path);
    auto names = split(path, "/");
    names.pop_back();
    if (at) pass_on(*at, wanted, needed);
    for (const auto& name : names) {
      if (at) at = at->child(name);
      if (at) pass_on(*at, wanted, needed);
    }
  }
  std::set<std::string> available = names_in(container.read("cgroup.controllers"));
  std::erase_if(available, [&](const std::string& name) { return !wanted.count(name); });
  pass_on(container, available, needed);
}

}  // namespace cgroup
