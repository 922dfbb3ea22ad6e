// The label init gets when it is executed. In the child: system calls only.
#pragma once

#include "container/plan_view.hpp"

namespace container {

/// Asks the kernel for the plan's label at the next execve, if it has one (apparmor(7); proc(5), attr/exec). `root`: of
/// the container, whose /proc is mounted; while this process is still root.
void ask_for_label(const PlanView& plan, int root);

}  // namespace container
