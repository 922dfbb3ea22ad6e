// The container's namespaces: id maps from outside; cgroup view, mapped root, loopback and the network hand-over from
// inside.
#pragma once

#include <sys/types.h>

#include "container/plan_view.hpp"

namespace container {

/// Supervisor, before clone: what it clones from now on has a boot clock that begins now, if the plan has a time
/// namespace. So uptime, sysinfo(2), the boot time in /proc/stat and the times at which processes began agree inside.
/// CLOCK_MONOTONIC begins nowhere in particular and stays, for devices and whoever shares memory go by it. Returns
/// when, in nanoseconds of our own boot clock.
std::uint64_t start_boot_clock(const PlanView& plan);

/// Supervisor: writes /proc/PID/{uid,gid}_map. setgroups stays allowed (we are privileged).
void map_ids(const PlanView& plan, pid_t child);
int open_user_namespace(pid_t child);

/// Child: lo is up. If the plan wants links, true and a NETLINK_ROUTE socket and the namespace itself in `fds`.
bool open_network(const PlanView& plan, int (&fds)[2]);
/// Writes "0" to each attach file. The process joins by itself, because writing another one's pid would wait for an RCU
/// grace period (cgroup v1). `who` is named in the failure.
void join_cgroups(const int* attach_files, int count, const char* who);
/// Joins, then makes that cgroup the root of what the container sees.
void enter_cgroup(const PlanView& plan, const int* attach_files, int count);
void become_mapped_root();

}  // namespace container
