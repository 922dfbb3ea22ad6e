// What a container may leave on the host: processes, cgroups, links, mounts, state files. Found by the names the suite
// gave them, so other work on the same machine does not disturb.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace support {

/// Everything on this host that still carries `name` (a domain's name, or the prefix of all of them): processes in its
/// cgroups or with a root or working directory in the suite's folder, cgroup directories, mounts, and files in
/// `state_folder` if given.
std::vector<std::string> traces_of(const std::string& name, const std::string& state_folder = "");
/// traces_of() once it is empty, or what is still there when patience ends: ends of namespaces are removed by the
/// kernel later.
std::vector<std::string> wait_for_no_traces(const std::string& name, const std::string& state_folder = "");

/// Host network links named by libvirt's convention (vnetN, vethN).
std::set<std::string> automatic_links();
/// Links that are new since `before` and stay; empty is good.
std::vector<std::string> wait_for_no_new_links(const std::set<std::string>& before);

/// For an interrupted run: kills what still runs in cgroups with `name`, and removes those.
void remove_traces(const std::string& name);

/// For the end of a run against stock: removes the cgroup directories with `name`, and the links that are new since
/// `before` and have both ends on the host (defects L1, L2).
void remove_leaks_of_stock(const std::string& name, const std::set<std::string>& before);

/// Directories of the container's cgroups, one per hierarchy, whose name contains `name`.
std::vector<std::string> cgroups_of(const std::string& name);
/// Live (not zombie) processes in any cgroup whose path contains `name`.
std::vector<int> processes_of(const std::string& name);

}  // namespace support
