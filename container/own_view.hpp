// The container's own /proc/meminfo, swaps, cpuinfo, stat, uptime, loadavg and diskstats and
// /sys/devices/system/cpu/online, where no lxcfs gives them: a FUSE file system that the supervisor makes and serves.
// Everything is computed when it is read, from the container's cgroup, so a changed limit shows at once and no daemon
// is needed. When the supervisor ends, the kernel fails reads.
//
// One file system for all files, because making and unmounting one costs 0.1 and 0.2 ms, and the child binds the files
// out of it. Nothing in it is any container's before the supervisor answers for it, so the template of supervisors
// makes one ahead, and hands it down to its next copy.
#pragma once

#include <cstdint>

#include "container/plan_view.hpp"

namespace container {

/// Of one that is not the container's yet: makes it, if there is none, and closes it, as whoever is not going to answer
/// has to. A host that cannot have one shows it when there is a container.
void make_spare_view();
void drop_spare_view();
/// Before capabilities are dropped. The mount to hand to the child, the caller's to close; -1 with errno if this host
/// cannot have one. `started`: nanoseconds of the boot clock.
int make_own_view(const PlanView& plan, std::uint64_t started);
/// What to poll for input, -1 when there is no view (any more).
int own_view_descriptor();
/// Answers one request, if there is one. False when the file system is gone; its descriptor has been closed then.
bool serve_own_view();
/// Opens the cgroups that memory and CPUs are read from, once they are complete; the others when they are asked for.
void open_view_cgroups(const PlanView& plan);

}  // namespace container
