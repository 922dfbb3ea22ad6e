#include "container/mounts.hpp"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "container/failure.hpp"
#include "container/filesystem.hpp"
#include "container/mount_target.hpp"
#include "container/overlay.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

bool missing(int error) {
  return error == ENOENT || error == ENOTDIR || error == ENODEV;
}

int open_root_tree(const PlanView& plan) {
  const unsigned recursive = plan.root_overlay ? 0 : AT_RECURSIVE;  // overlayfs sees one file system
  const int root = open_tree(AT_FDCWD, plan.root_source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
  struct stat info;
  if (root < 0 || fstat(root, &info) != 0) give_up("open root", plan.root_source);
  if (!S_ISDIR(info.st_mode)) give_up("open root", plan.root_source, ENOTDIR);
  // The clone of a shared mount is its peer: made private, or the container's mounts would appear on the host.
  const bool readonly = plan.root_readonly && !plan.root_overlay;
  if (!add_attributes(root, readonly ? MOUNT_ATTR_RDONLY : 0, true)) give_up("open root", plan.root_source);
  if (readonly) {
    // Mounts below the root are read-only from here on; the root itself once its mount points exist.
    mount_attr writable = {};
    writable.attr_clr = MOUNT_ATTR_RDONLY;
    if (mount_setattr(root, "", AT_EMPTY_PATH, &writable, sizeof writable) != 0) give_up("open root", plan.root_source);
  }
  return root;
}

int open_bind_tree(const MountView& step) {
  const unsigned recursive = step.recursive ? AT_RECURSIVE : 0;
  const int tree = open_tree(AT_FDCWD, step.source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
  if (tree < 0 && step.optional && missing(errno)) return -1;
  if (tree < 0) give_up("open mount source", step.source);
  if (!add_attributes(tree, step.attributes, step.recursive)) give_up("set mount attributes", step.source);
  return tree;
}

void shift(int tree, int user_namespace, bool recursive, const char* path) {
  mount_attr change = {};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &change, sizeof change) != 0) {
    give_up("idmap mount", path);
  }
}

/// The file system mounted last. It is new, so what it lacks can be made without looking.
struct NewMount {
  int fd = -1;
  const char* path = "";
};
NewMount newest;

/// A directory right below the newest mount, as the cgroup hierarchies have theirs; -1 if that is not where it belongs.
int make_target_in_newest(const MountView& step) {
  if (newest.fd < 0 || step.create != CreateTarget::Directory) return -1;
  const char* slash = std::strrchr(step.target, '/');
  const auto parent_size = static_cast<std::size_t>(slash - step.target);
  if (parent_size != std::strlen(newest.path) || std::memcmp(step.target, newest.path, parent_size) != 0) return -1;
  if (mkdirat(newest.fd, slash + 1, 0755) != 0) return -1;
  return openat(newest.fd, slash + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/// The step's target, or -1 when it is missing and the step optional.
int open_target(int root, const MountView& step) {
  const int made = make_target_in_newest(step);
  if (made >= 0) return made;
  const int target = open_mount_target(root, step.target, step.create);
  if (target < 0 && !(step.optional && missing(errno))) give_up("find mount target", step.target);
  return target;
}

/// The kernel says EINVAL for a directory over a file; what that means is ENOTDIR.
int mount_error(int tree, int target) {
  const int error = errno;
  struct stat from, to;
  const bool known = fstat(tree, &from) == 0 && fstat(target, &to) == 0;
  return known && S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode) ? (S_ISDIR(to.st_mode) ? EISDIR : ENOTDIR) : error;
}

void attach(int tree, int target, const char* path) {
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    give_up("mount", path, mount_error(tree, target));
}

int make_step_filesystem(const MountView& step) {
  const int mount = make_filesystem(step.fstype, step.source, step.options, step.attributes);
  if (mount < 0 && !(step.optional && missing(errno))) give_up("mount", step.target);
  return mount;
}

bool of_cgroups(const MountView& step) {
  return std::strcmp(step.fstype, "cgroup") == 0 || std::strcmp(step.fstype, "cgroup2") == 0;
}

void make_filesystems(const PlanView& plan, MountTrees& trees, bool cgroups) {
  int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::Filesystem && of_cgroups(step) == cgroups) *tree = make_step_filesystem(step);
    tree++;
  }
}

void place(int root, const MountView& step, int tree) {
  if (tree < 0) return;
  const int target = open_target(root, step);
  if (target >= 0) attach(tree, target, step.target);
  close(target);
  if (target < 0 || step.kind != MountKind::Filesystem || std::strcmp(step.fstype, "tmpfs") != 0) {
    close(tree);
    return;
  }
  close(newest.fd);
  newest = {tree, step.target};
}

void mount_bind_inside(int root, const MountView& step) {
  const int source = open_beneath(root, step.source, O_PATH);
  if (source < 0 && step.optional && missing(errno)) return;
  if (source < 0) give_up("open mount source", step.source);
  const unsigned recursive = step.recursive ? AT_RECURSIVE : 0;
  const int tree = open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);
  if (tree < 0) give_up("open mount source", step.source);
  if (!add_attributes(tree, step.attributes, step.recursive)) give_up("set mount attributes", step.target);
  if (std::strcmp(step.source, step.target) == 0) {
    attach(tree, source, step.target);
    close(tree);
  } else {
    place(root, step, tree);
  }
  close(source);
}

void change_attributes(int root, const MountView& step) {
  const int target = open_target(root, step);
  if (target < 0) return;
  if (!add_attributes(target, step.attributes, step.recursive)) give_up("set mount attributes", step.target);
  close(target);
}

/// One empty tmpfs serves all masked directories of the container.
int empty_directory(const char* path) {
  static int first = -1;
  if (first < 0) {
    const std::uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    first = make_filesystem("tmpfs", "masked", "size=0,nr_inodes=2,mode=555", attributes);
    if (first < 0) give_up("mask", path);
    return first;
  }
  return open_tree(first, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

int open_own_file(const MountView& step, const MountTrees& trees) {
  const int file = open_tree(trees.own_view, step.source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (file < 0) give_up("open own view", step.source);
  return file;
}

/// Only a mount that is somewhere in the tree can be bound from (before Linux 6.15): it is put onto the empty root,
/// where the container's own will hide it, or into the host's, with which it goes; then its files are opened before
/// that.
void put_own_view(const PlanView& plan, const MountTrees& trees) {
  if (trees.own_view < 0) return;
  const char* place = trees.on_empty_root ? "/" : "/proc";
  if (move_mount(trees.own_view, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) != 0) give_up("mount own view", place);
  if (trees.on_empty_root) return;
  int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::OwnFile) *tree = open_own_file(step, trees);
    tree++;
  }
}

void mask(int root, int dev, const MountView& step) {
  const int target = open_beneath(root, step.target, O_PATH);
  if (target < 0 && (missing(errno) || errno == EACCES)) return;
  if (target < 0) give_up("mask", step.target);
  struct stat info;
  if (fstat(target, &info) != 0) give_up("mask", step.target);
  const int cover = S_ISDIR(info.st_mode) ? empty_directory(step.target)
                                          : open_tree(dev, "null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (cover < 0) give_up("mask", step.target);
  if (move_mount(cover, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    give_up("mask", step.target);
  close(target);  // `cover` stays open: further masks clone it, and exec closes it
}

void make_private() {
  mount_attr change = {};
  change.propagation = MS_PRIVATE;
  if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof change) != 0) give_up("make mounts private", "/");
}

/// In the new root's directory.
void leave_host_root(const PlanView& plan) {
  // "." twice: the old root lands on top of the new one and needs no directory of its own (pivot_root(2), L4).
  if (syscall(SYS_pivot_root, ".", ".") != 0) give_up("pivot root", plan.root_source);
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) give_up("leave host root", plan.root_source);
}

}  // namespace

void open_host_trees(const PlanView& plan, MountTrees& trees) {
  trees.root = open_root_tree(plan);
  trees.overlay = open_overlay_tree(plan);
  const std::size_t size = sizeof(int) * (plan.mounts.size() + std::size_t{1});
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("read plan", plan.name);
  trees.steps = static_cast<int*>(memory);
  int* next = trees.steps;
  for (const MountView& step : plan.mounts) *next++ = step.kind == MountKind::Bind ? open_bind_tree(step) : -1;
}

void shift_host_trees(const PlanView& plan, const MountTrees& trees, int user_namespace) {
  if (plan.root_idmapped) shift(trees.root, user_namespace, !plan.root_overlay, plan.root_source);
  if (plan.root_idmapped && trees.overlay >= 0) shift(trees.overlay, user_namespace, false, plan.overlay_directory);
  const int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.idmapped && *tree >= 0) shift(*tree, user_namespace, step.recursive, step.source);
    tree++;
  }
}

void make_filesystems(const PlanView& plan, MountTrees& trees) {
  make_filesystems(plan, trees, false);
}

void make_cgroup_filesystems(const PlanView& plan, MountTrees& trees) {
  make_filesystems(plan, trees, true);
}

void enter_root(const PlanView& plan, MountTrees& trees) {
  if (!trees.on_empty_root) make_private();
  if (plan.root_overlay) make_overlay(plan, trees);
  put_own_view(plan, trees);  // after that, which needs the host's /proc
  // On top of the old root, because that place always exists.
  if (move_mount(trees.root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0) give_up("mount root", plan.root_source);
  if (fchdir(trees.root) != 0) give_up("mount root", plan.root_source);
  if (trees.on_empty_root) {
    if (chroot(".") != 0) give_up("change root", plan.root_source);
  } else {
    leave_host_root(plan);
  }
  const int target = open_mount_target(trees.root, "/dev", CreateTarget::Directory);
  if (target < 0) give_up("find mount target", "/dev");
  attach(trees.dev, target, "/dev");
  close(target);
}

void apply_mounts(const PlanView& plan, const MountTrees& trees) {
  const int root = trees.root;
  const int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    switch (step.kind) {
      case MountKind::Filesystem:
      case MountKind::Bind:
        place(root, step, *tree);
        break;
      case MountKind::BindInside:
        mount_bind_inside(root, step);
        break;
      case MountKind::Attributes:
        change_attributes(root, step);
        break;
      case MountKind::Mask:
        mask(root, trees.dev, step);
        break;
      case MountKind::OwnFile:
        break;  // later
    }
    tree++;
  }
  if (plan.root_readonly && !add_attributes(root, MOUNT_ATTR_RDONLY, false)) give_up("make root read-only", "/");
}

void apply_own_files(const PlanView& plan, const MountTrees& trees) {
  if (trees.own_view < 0) return;
  const int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::OwnFile) place(trees.root, step, *tree >= 0 ? *tree : open_own_file(step, trees));
    tree++;
  }
}

}  // namespace container
