// An overlayfs as the container's root: its source stays as it is, changes go to a directory of the host or a tmpfs.
#pragma once

#include "container/mounts.hpp"

namespace container {

/// Supervisor, before clone: a detached tree of the directory that holds "upper" and "work", which are made if missing;
/// -1 when the plan has none.
int open_overlay_tree(const PlanView& plan);
/// Child, with private propagation: `trees.root` becomes the overlay. Its layers must lie in the mount namespace
/// (overlayfs refuses detached ones), so they are put on top of "/" for that moment.
void make_overlay(const PlanView& plan, MountTrees& trees);

}  // namespace container
