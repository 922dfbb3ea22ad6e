// The container's /dev: a tmpfs made and filled outside, where device nodes may be made whatever the container's user
// namespace, then its devpts and the console nodes bound from it, made inside.
#pragma once

#include "container/plan_view.hpp"

namespace container {

/// Detached mount with the nodes, links and the empty targets for pts, ptmx and the consoles. Runs in the supervisor.
int make_dev(const PlanView& plan);

struct Consoles {
  std::uint32_t count = 0;
  int masters[16];
  int slaves[16];
};

/// In who makes the mounts, with `dev` already attached: devpts below it, `plan.consoles` ptys, and their names
/// console, tty1, tty2 ...
void make_consoles(const PlanView& plan, int dev, Consoles& consoles);
/// In init, where another process has made them: the slaves, by the mounts that init has.
void open_consoles(const PlanView& plan, int root, Consoles& consoles);

}  // namespace container
