// Who makes the mounts of a container with a user namespace. Init cannot: what it mounted itself it could unmount and
// remount, and the masks and read-only files of /proc would be the container's root's to undo. So a process of the
// host's user namespace makes them, in the container's pid, network and ipc namespaces, as proc, sysfs and mqueue show
// those of their maker; and in a mount namespace that is the host's still. Init's own is a copy of that one. A copy for
// a user namespace with less rights is locked by the kernel: its mounts and their flags cannot be taken back
// (mount_namespaces(7), "Restrictions on mount namespaces").
//
// The filesystems that the definition lists come when init has its copy: they reach it by propagation, which locks
// their flags but leaves them unmountable one by one, as hot-unplug does.
#pragma once

#include "container/devices.hpp"
#include "container/mounts.hpp"
#include "container/plan_view.hpp"

namespace container {

struct BuilderInputs {
  MountTrees trees;
  int supervisor = -1;  // the end of the socket that init has too
  int init = -1;        // SEQPACKET, words below to it and from it
  int init_pidfd = -1;
};

/// Builder → init.
constexpr char kJoin = 'J';    // fds: the cgroup files to join by
constexpr char kBuilt = 'B';   // fd: the container's root, in the builder's mount namespace
constexpr char kPlaced = 'P';  // after kCopied: the definition's filesystems are mounted
/// Init → builder, only if there are such filesystems.
constexpr char kCopied = 'D';

/// In the process that makes the mounts, whichever it is: the network, for the daemon to make links in.
void hand_over_network(const PlanView& plan);
/// Likewise: from what the supervisor has opened to a complete tree, in which it is then. `init`: whom to pass the
/// cgroup files to, -1 if that is the caller.
void build_root(const PlanView& plan, MountTrees& trees, Consoles& consoles, MountSet set, int init);
/// After that, for the supervisor makes them last.
void add_own_files(const PlanView& plan, MountTrees& trees);

[[noreturn]] void become_builder(const PlanView& plan, BuilderInputs inputs);

/// Init: joins the cgroups, takes the mounts over, is root of the user namespace and in its new root then. Returns that
/// directory.
int take_built_root(const PlanView& plan, int builder);

}  // namespace container
