// The container's mount tree. What comes from the host is opened as detached trees by the supervisor, so that it is
// found with the host's eyes and can be idmapped; the child only moves trees and never names a host path.
//
// Order in the child: new file systems are made but not yet placed, because the kernel lets a user namespace have proc
// and sysfs only while fully visible ones are in sight; then the root tree. Where the host's mounts have been copied
// they are made private, and pivot_root puts the old root on top of the new one, from where it goes at once, because it
// would catch every ".." in the image. On an empty root there is nothing to be rid of. Then /dev with its nodes,
// /dev/pts, consoles; then the plan's steps in their order, so that user file systems may lie below /dev; last the root
// becomes read-only.
#pragma once

#include "container/plan_view.hpp"

namespace container {

struct MountTrees {
  int root = -1;
  int overlay = -1;  // what holds the changes to the root, -1 if nothing or a tmpfs does
  int dev = -1;
  int own_view = -1;           // the supervisor's file system of own files
  int* steps = nullptr;        // one per mount step: the tree or file system to place, -1 if none
  bool on_empty_root = false;  // the child's namespace has nothing of the host: see empty_root
};

/// Supervisor, before clone. A missing root or source is reported, never made.
void open_host_trees(const PlanView& plan, MountTrees& trees);
/// Supervisor, when the child's user namespace has its maps: idmaps what the plan asks for.
void shift_host_trees(const PlanView& plan, const MountTrees& trees, int user_namespace);

/// Child, while the host's mounts are still in sight. Those of cgroups show what the child's cgroup namespace has, so
/// they are made after it has entered its own; the others need not wait for that.
void make_filesystems(const PlanView& plan, MountTrees& trees);
void make_cgroup_filesystems(const PlanView& plan, MountTrees& trees);
/// Child: the root tree becomes "/", nothing else is mounted any more, then /dev.
void enter_root(const PlanView& plan, MountTrees& trees);
void apply_mounts(const PlanView& plan, const MountTrees& trees);
/// Child: the files of its own view, over the kernel's. Each is asked of the supervisor, so it is done late, when that
/// has nothing else to do.
void apply_own_files(const PlanView& plan, const MountTrees& trees);

}  // namespace container
