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

bool has_root_image(const PlanView& plan) {
  return *plan.root_image != 0;
}

/// `image`: the root's, if it is one.
int open_root_tree(const PlanView& plan, int image) {
  const unsigned recursive = plan.root_overlay ? 0 : AT_RECURSIVE;  // overlayfs sees one file system
  const int root = has_root_image(plan)
                       ? image
                       : open_tree(AT_FDCWD, plan.root_source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
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

/// `optional`: a file system that cannot be shifted, as one without owners, is taken as it is.
void shift(int tree, int user_namespace, bool recursive, const char* path, bool optional = false) {
  mount_attr change = {};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &change, sizeof change) != 0 &&
      !(optional && errno == EINVAL)) {
    give_up("idmap mount", path);
  }
}

/// The file systems mounted so far, which are the kernel's and new. What lies below one is looked up from it and not
/// from the root: there, who shares the image could have exchanged a directory for another meanwhile, and a mask would
/// cover something else.
struct Mounted {
  int fd = -1;
  const char* path = "";
  std::size_t size = 0;
};
constexpr int kMostMounted = 32;
Mounted mounted[kMostMounted];
int mounted_count = 0;

bool is_below(const char* path, const Mounted& one) {
  return std::strlen(path) > one.size && std::memcmp(path, one.path, one.size) == 0 && path[one.size] == '/';
}

/// The innermost one that `path` lies below; null if none.
const Mounted* find_mounted(const char* path) {
  const Mounted* found = nullptr;
  for (int i = 0; i < mounted_count; i++) {
    if (is_below(path, mounted[i]) && (found == nullptr || mounted[i].size >= found->size)) found = &mounted[i];
  }
  return found;
}

/// Takes over `tree`.
void remember_mounted(int tree, const char* path) {
  if (mounted_count == kMostMounted) give_up("mount", path, E2BIG);
  mounted[mounted_count++] = {tree, path, std::strlen(path)};
}

int open_inside(int root, const char* path) {
  const Mounted* base = find_mounted(path);
  return base == nullptr ? open_beneath(root, path, O_PATH) : open_beneath(base->fd, path + base->size, O_PATH);
}

/// Makes the step's target right below the new file system `base`, as the cgroup hierarchies have theirs: its name
/// there; null if that is not where it belongs.
const char* make_in_mounted(const MountView& step, const Mounted* base) {
  if (base == nullptr || step.create != CreateTarget::Directory) return nullptr;
  const char* name = step.target + base->size + 1;
  return std::strchr(name, '/') == nullptr && mkdirat(base->fd, name, 0755) == 0 ? name : nullptr;
}

/// The step's target, or -1 when it is missing and the step optional.
int open_target(int root, const MountView& step) {
  int target = open_inside(root, step.target);
  if (target < 0 && errno == ENOENT) target = open_mount_target(root, step.target, step.create);
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

void place(int root, const MountView& step, int tree) {
  if (tree < 0) return;
  const Mounted* base = find_mounted(step.target);
  const char* name = make_in_mounted(step, base);
  const int target = name == nullptr ? open_target(root, step) : -1;
  if (name != nullptr && move_mount(tree, "", base->fd, name, MOVE_MOUNT_F_EMPTY_PATH) != 0)
    give_up("mount", step.target);
  if (target >= 0) attach(tree, target, step.target);
  if (target >= 0) close(target);
  if ((target >= 0 || name != nullptr) && step.kind == MountKind::Filesystem)
    remember_mounted(tree, step.target);
  else
    close(tree);
}

void mount_bind_inside(int root, const MountView& step) {
  const int source = open_inside(root, step.source);
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

/// Only a mount that is somewhere in the tree can be bound from (before Linux 6.15): it is put into the host's, with
/// which it goes, after its files have been opened; or where the container's own hides it.
void put_own_view_on_host(const PlanView& plan, const MountTrees& trees) {
  if (trees.own_view < 0) return;
  if (move_mount(trees.own_view, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) != 0)
    give_up("mount own view", "/proc");
  int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::OwnFile) *tree = open_own_file(step, trees);
    tree++;
  }
}

void hide_own_view(const MountTrees& trees) {
  if (move_mount(trees.own_view, "", trees.own_view_place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    give_up("mount own view", kOwnViewPlace);
}

/// What covers the next file. It stays open, as does every cover: exec closes them.
int null_device = -1;

/// One mount call tells also whether `path` is there, and whether it is a file: the kernel says EINVAL for a file over
/// a directory. False with errno.
bool cover(int dev, int at, const char* path, unsigned flags) {
  if (null_device < 0) null_device = open_tree(dev, "null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (null_device < 0) return false;
  if (move_mount(null_device, "", at, path, MOVE_MOUNT_F_EMPTY_PATH | flags) == 0) {
    null_device = -1;
    return true;
  }
  return errno == EINVAL && move_mount(empty_directory(path), "", at, path, MOVE_MOUNT_F_EMPTY_PATH | flags) == 0;
}

void mask(int root, int dev, const MountView& step) {
  bool covered = false;
  if (const Mounted* base = find_mounted(step.target); base != nullptr) {
    covered = cover(dev, base->fd, step.target + base->size + 1, 0);
  } else if (const int target = open_inside(root, step.target); target >= 0) {
    covered = cover(dev, target, "", MOVE_MOUNT_T_EMPTY_PATH);
    const int error = errno;
    close(target);
    errno = error;
  }
  if (!covered && !missing(errno) && errno != EACCES) give_up("mask", step.target);
}

void apply(const MountView& step, const MountTrees& trees, int tree) {
  switch (step.kind) {
    case MountKind::Filesystem:
    case MountKind::Bind:
    case MountKind::Cgroup:
    case MountKind::Image:
      place(trees.root, step, tree);
      break;
    case MountKind::BindInside:
      mount_bind_inside(trees.root, step);
      break;
    case MountKind::Attributes:
      change_attributes(trees.root, step);
      break;
    case MountKind::Mask:
      mask(trees.root, trees.dev, step);
      break;
    case MountKind::OwnFile:
      break;  // later
  }
}

/// While the root can be written to. One that will lie in another of them is that one's to have.
void make_later_target(const PlanView& plan, int root, const MountView& step) {
  for (const MountView& other : plan.mounts) {
    if (other.detachable && is_below(step.target, {-1, other.target, std::strlen(other.target)})) return;
  }
  const int target = open_target(root, step);
  if (target >= 0) close(target);
}

/// In the new root's directory.
void leave_host_root(const PlanView& plan) {
  // "." twice: the old root lands on top of the new one and needs no directory of its own (pivot_root(2), L4).
  if (syscall(SYS_pivot_root, ".", ".") != 0) give_up("pivot root", plan.root_source);
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) give_up("leave host root", plan.root_source);
}

}  // namespace

void open_host_trees(const PlanView& plan, const int* images, int image_count, MountTrees& trees) {
  int wanted = has_root_image(plan) ? 1 : 0;
  for (const MountView& step : plan.mounts) wanted += step.kind == MountKind::Image ? 1 : 0;
  if (wanted != image_count) give_up("read start message", "images", EPROTO);
  trees.root = open_root_tree(plan, has_root_image(plan) ? *images++ : -1);
  trees.overlay = open_overlay_tree(plan);
  const std::size_t size = sizeof(int) * (plan.mounts.size() + std::size_t{1});
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("read plan", plan.name);
  trees.steps = static_cast<int*>(memory);
  int* next = trees.steps;
  for (const MountView& step : plan.mounts) {
    *next++ = step.kind == MountKind::Bind ? open_bind_tree(step) : step.kind == MountKind::Image ? *images++ : -1;
  }
}

bool has_trees_to_shift(const PlanView& plan) {
  if (plan.root_idmapped) return true;
  for (const MountView& step : plan.mounts)
    if (step.idmapped) return true;
  return false;
}

void shift_host_trees(const PlanView& plan, const MountTrees& trees, int user_namespace) {
  if (plan.root_idmapped) shift(trees.root, user_namespace, !plan.root_overlay, plan.root_source);
  if (plan.root_idmapped && trees.overlay >= 0) shift(trees.overlay, user_namespace, false, plan.overlay_directory);
  const int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.idmapped && *tree >= 0)
      shift(*tree, user_namespace, step.recursive, step.source, step.kind == MountKind::Image);
    tree++;
  }
}

void make_filesystems(const PlanView& plan, MountTrees& trees) {
  int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::Filesystem) *tree = make_step_filesystem(step);
    tree++;
  }
}

int open_cgroup_trees(const PlanView& plan, int* trees, int most) {
  int count = 0;
  for (const MountView& step : plan.mounts) {
    if (step.kind != MountKind::Cgroup) continue;
    if (count == most) give_up("mount", step.target, E2BIG);
    trees[count++] = open_bind_tree(step);
  }
  return count;
}

int take_cgroup_trees(const PlanView& plan, MountTrees& trees, const int* fds, int count) {
  int taken = 0;
  int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::Cgroup) {
      if (taken == count) give_up("mount", step.target, EPROTO);
      *tree = fds[taken++];
    }
    tree++;
  }
  return taken;
}

void enter_root(const PlanView& plan, MountTrees& trees) {
  if (!trees.on_empty_root) make_private();
  if (plan.root_overlay) make_overlay(plan, trees);
  if (trees.on_empty_root) {
    trees.own_view_place = open(kOwnViewPlace, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (trees.own_view_place < 0) give_up("find mount target", kOwnViewPlace);
  } else {
    put_own_view_on_host(plan, trees);  // after the overlay, which needs the host's /proc
  }
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

void apply_mounts(const PlanView& plan, const MountTrees& trees, MountSet set) {
  const int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (set == MountSet::Fixed && step.detachable)
      make_later_target(plan, trees.root, step);
    else if (set != MountSet::Detachable || step.detachable)
      apply(step, trees, *tree);
    tree++;
  }
  if (plan.root_readonly && set != MountSet::Detachable && !add_attributes(trees.root, MOUNT_ATTR_RDONLY, false))
    give_up("make root read-only", "/");
}

void apply_own_files(const PlanView& plan, const MountTrees& trees) {
  if (trees.own_view < 0) return;
  if (trees.on_empty_root) hide_own_view(trees);
  const int* tree = trees.steps;
  for (const MountView& step : plan.mounts) {
    if (step.kind == MountKind::OwnFile) place(trees.root, step, *tree >= 0 ? *tree : open_own_file(step, trees));
    tree++;
  }
}

void make_private() {
  mount_attr change = {};
  change.propagation = MS_PRIVATE;
  if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof change) != 0) give_up("make mounts private", "/");
}

}  // namespace container
