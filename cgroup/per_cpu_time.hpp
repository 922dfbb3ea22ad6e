// CPU time of a v2 cgroup by CPU. The kernel keeps it (struct cgroup_base_stat per CPU, kernel/cgroup/rstat.c) but has
// no file for it as v1 has cpuacct.usage_percpu; a BPF iterator of cgroups (since 6.1) reads it.
#pragma once

#include <cstdint>
#include <vector>

#include "cgroup/directory.hpp"

namespace cgroup {

/// Nanoseconds by CPU number, of the group and all below it. Their sum is usage_usec of the same moment's cpu.stat.
/// Loads a program for this one reading, so nothing is left when it is done. Since 6.6 what cgroups used that are gone
/// by now is included, as in cpu.stat; before, the kernel forgets on which CPU that was.
/// Throws OperationUnsupported: the kernel has no BPF iterators or type information (CONFIG_DEBUG_INFO_BTF), or has
/// forgotten a part. Root only.
std::vector<std::uint64_t> read_per_cpu_time(const Directory& directory);

}  // namespace cgroup
