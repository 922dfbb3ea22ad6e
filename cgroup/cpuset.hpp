// v1 cpusets: a new directory has no CPUs and takes no process, and a parent must always cover its children.
#pragma once

#include <string>

#include "cgroup/directory.hpp"

namespace cgroup {

/// Gives a new directory its parent's CPUs and memory nodes, and has the kernel do the same for directories below it.
/// False if the kernel had done so for this one.
bool inherit_cpuset(const Directory& directory);
/// Sets `file` ("cpuset.cpus" or "cpuset.mems") here and in everything below, by way of the union of old and new so
/// that parent covers child at every moment.
void change_cpuset(const Directory& directory, const std::string& file, const std::string& wanted);

}  // namespace cgroup
