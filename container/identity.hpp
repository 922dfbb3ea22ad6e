// Who the container's init is: host name, user and groups, capabilities, seccomp. Child only, inside the new root.
#pragma once

#include "container/account.hpp"
#include "container/plan_view.hpp"

namespace container {

struct Identity {
  Account account;
  gid_t groups[kMaxGroups];
  int group_count = 0;
};

void set_hostname(const PlanView& plan);
/// Looks inituser and initgroup up in the container's own databases; absent means 0.
void find_identity(const PlanView& plan, int root, Identity& identity);
/// set_mempolicy(2), which exec and fork keep.
void set_memory_policy(const PlanView& plan);
/// Of `process`, 0 for the caller. Raising one needs a capability of the host's.
void set_resource_limits(const PlanView& plan, pid_t process);
/// Bounding set, ids, no_new_privs, seccomp, capabilities: in the order that leaves each step the privilege it needs.
void assume_identity(const PlanView& plan, const Identity& identity);

}  // namespace container
