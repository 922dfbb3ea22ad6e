// systemd as the owner of the cgroup tree: it moves, limits and removes what it has not delegated (systemd's
// CGROUP_DELEGATION document). Spoken to over D-Bus as org.freedesktop.systemd1(5) says.
#pragma once

#include <sys/types.h>

#include "cgroup/scope_place.hpp"

namespace cgroup {

/// True where systemd is pid 1 (sd_booted(3)).
bool systemd_owns_tree();

/// Moves a process into the cgroup `leaf` of a delegated scope, which is made if there is none: from then on until the
/// process ends, systemd keeps the scope. Blocks for some milliseconds, 30 s at most. Throws SystemError with systemd's
/// words.
void join_scope(const ScopePlace& place, const char* leaf, pid_t process);

/// For when that process has ended: removes the leaf, and what systemd would not remove with the scope because the
/// hierarchy means nothing to it (v1: cpuset, freezer), where nobody else is in it.
void leave_scope(const ScopePlace& place, const char* leaf) noexcept;

}  // namespace cgroup
