#include "cgroup/hierarchy.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

struct MountLine {
  std::string root, path, type;
  std::vector<std::string> options;  // of the superblock: v1 lists its controllers there
};

/// "36 25 0:30 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu": optional fields end at "-".
std::vector<MountLine> cgroup_lines(const std::string& mountinfo) {
  std::vector<MountLine> lines;
  for (const auto& line : split(mountinfo, "\n")) {
    const auto fields = split(line, " ");
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    if (*(dash + 1) != "cgroup" && *(dash + 1) != "cgroup2") continue;
    lines.push_back({unescape_path(fields[3]), unescape_path(fields[4]), *(dash + 1), split(*(dash + 3), ",")});
  }
  return lines;
}

/// The same hierarchy may be mounted again inside chroots and containers: the first mount of its whole tree is the
/// host's.
const MountLine* best_mount(const std::vector<MountLine>& lines, std::string_view type, const std::string& option) {
  const MountLine* found = nullptr;
  for (const auto& line : lines) {
    if (line.type != type || (!option.empty() && !contains(line.options, option))) continue;
    if (line.root == "/") return &line;
    if (!found) found = &line;
  }
  return found;
}

}  // namespace

bool Mount::has(std::string_view controller) const {
  return contains(controllers, controller);
}

bool used_by_containers(const Mount& mount) {
  constexpr std::array<std::string_view, 9> kUsed = {"cpu",     "cpuacct", "cpuset", "memory",      "devices",
                                                     "freezer", "blkio",   "pids",   "name=systemd"};
  if (mount.version == 2) return true;
  return std::any_of(kUsed.begin(), kUsed.end(), [&](auto name) { return contains(mount.controllers, name); });
}

Hierarchy Hierarchy::parse(const std::string& mountinfo, const std::string& self_cgroup,
                           const std::string& v2_controllers) {
  std::vector<Mount> mounts;
  const auto lines = cgroup_lines(mountinfo);
  for (const auto& line : split(self_cgroup, "\n")) {  // "4:memory:/a/b", "0::/a/b"
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    Mount mount;
    mount.controllers = split(line.substr(first + 1, second - first - 1), ",");
    mount.own_path = line.substr(second + 1);
    mount.version = line.compare(0, first, "0") == 0 && mount.controllers.empty() ? 2 : 1;
    if (mount.version == 1 && mount.controllers.empty()) continue;
    const MountLine* at =
        mount.version == 2 ? best_mount(lines, "cgroup2", "") : best_mount(lines, "cgroup", mount.controllers.front());
    if (!at) continue;
    mount.path = at->path;
    if (mount.version == 2) mount.controllers = split(v2_controllers, " \n");
    mounts.push_back(std::move(mount));
  }
  Hierarchy hierarchy;
  hierarchy.mounts_ = std::make_shared<const std::vector<Mount>>(std::move(mounts));
  return hierarchy;
}

Hierarchy Hierarchy::detect() {
  const std::string mountinfo = base::read_file("/proc/self/mountinfo");
  const std::string self_cgroup = base::read_file("/proc/self/cgroup");
  const auto lines = cgroup_lines(mountinfo);
  const MountLine* v2 = best_mount(lines, "cgroup2", "");
  return parse(mountinfo, self_cgroup, v2 ? base::read_file(v2->path + "/cgroup.controllers") : "");
}

const Mount* Hierarchy::find(const std::string& controller) const {
  for (const auto& mount : mounts())
    if (mount.version == 1 && contains(mount.controllers, controller)) return &mount;
  const bool built_in = controller == "devices" || controller == "freezer" || controller == "cpuacct";
  const std::string& name = controller == "blkio" ? "io" : controller;
  for (const auto& mount : mounts())
    if (mount.version == 2 && (built_in || contains(mount.controllers, name))) return &mount;
  return nullptr;
}

bool Hierarchy::unified() const {
  const bool any_v1 = std::any_of(mounts().begin(), mounts().end(), [](const Mount& mount) {
    return mount.version == 1 && mount.controllers.front().rfind("name=", 0) != 0;
  });
  return !any_v1 && !mounts().empty();
}

}  // namespace cgroup
