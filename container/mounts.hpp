// The container's mount tree. What comes from the host is opened as detached trees by the supervisor, so that it is
// found with the host's eyes and can be idmapped; the child only moves trees and never names a host path.
//
// Order: new file systems are made but not yet placed, then the root tree. Where the host's mounts have been copied
// they are made private, and pivot_root puts the old root on top of the new one, from where it goes at once, because it
// would catch every ".." in the image. On an empty root there is nothing to be rid of. Then /dev with its nodes,
// /dev/pts, consoles; then the plan's steps in their order, so that user file systems may lie below /dev.
//
// "Child" is whoever makes the mounts: init, or the builder of a container with a user namespace (builder.hpp).
#pragma once

#include "container/plan_view.hpp"

namespace container {

/// Directory of the empty root where the own view is kept, below everything that the container sees.
constexpr const char* kOwnViewPlace = "/own-view";

struct MountTrees {
  int root = -1;
  int overlay = -1;  // what holds the changes to the root, -1 if nothing or a tmpfs does
  int dev = -1;
  int own_view = -1;           // the supervisor's file system of own files
  int own_view_place = -1;     // on an empty root
  int* steps = nullptr;        // one per mount step: the tree or file system to place, -1 if none
  bool on_empty_root = false;  // the child's namespace has nothing of the host: see empty_root
};

/// Supervisor, before clone. A missing root or source is reported, never made. `images`: the mounts of the root, if it
/// is an image, and of the plan's images.
void open_host_trees(const PlanView& plan, const int* images, int image_count, MountTrees& trees);
/// Supervisor, when init's user namespace has its maps: idmaps what the plan asks for, if anything.
bool has_trees_to_shift(const PlanView& plan);
void shift_host_trees(const PlanView& plan, const MountTrees& trees, int user_namespace);

/// Supervisor, once the cgroups are complete: what the container sees of each hierarchy, in the order of the plan. How
/// many there are; never more than `most`.
int open_cgroup_trees(const PlanView& plan, int* trees, int most);

/// Child: the new file systems, proc, sysfs, tmpfs.
void make_filesystems(const PlanView& plan, MountTrees& trees);
/// Child: those of open_cgroup_trees(), the first of `fds`. How many of `fds` they were.
int take_cgroup_trees(const PlanView& plan, MountTrees& trees, const int* fds, int count);
/// Child: the root tree becomes "/", nothing else is mounted any more, then /dev.
void enter_root(const PlanView& plan, MountTrees& trees);
/// The plan's steps in order: all of them, or first those that stay as they are while the container runs, with the
/// mount points of the others, then the others. The root is read-only, if it is to be, after Fixed or All.
enum class MountSet { All, Fixed, Detachable };
void apply_mounts(const PlanView& plan, const MountTrees& trees, MountSet set);
/// Child: the files of its own view, over the kernel's. Each is asked of the supervisor, so it is done late, when that
/// has nothing else to do. `own_view` has to be there before enter_root() where the root is not empty.
void apply_own_files(const PlanView& plan, const MountTrees& trees);
/// Every mount in the caller's namespace: nothing comes to it from others any more, nor goes to them.
void make_private();

}  // namespace container
