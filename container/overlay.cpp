#include "container/overlay.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/failure.hpp"
#include "container/filesystem.hpp"
#include "container/small_text.hpp"

namespace container {
namespace {

constexpr const char* kLayers[] = {"upper", "work"};

void make_layers(int directory, uid_t owner, gid_t group, const char* path) {
  for (const char* name : kLayers) {
    if (mkdirat(directory, name, 0755) != 0) {
      if (errno == EEXIST) continue;
      give_up("make root overlay", path);
    }
    if ((owner != 0 || group != 0) && fchownat(directory, name, owner, group, AT_SYMLINK_NOFOLLOW) != 0)
      give_up("make root overlay", path);
  }
}

int make_memory_tree(const PlanView& plan) {
  const int tree = make_filesystem("tmpfs", "overlay", plan.overlay_options, 0);
  if (tree < 0) give_up("make root overlay", "tmpfs");
  make_layers(tree, 0, 0, "tmpfs");
  return tree;
}

void put_in_sight(int tree, const char* path) {
  if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0) give_up("make root overlay", path);
}

/// overlayfs has mounts of its own of its layers by now. Left in place, they would stay under the new root.
void take_out_of_sight(int tree, const char* path) {
  SmallText<64> name;
  name << "/proc/self/fd/" << tree;
  if (umount2(name.c_str(), MNT_DETACH) != 0) give_up("make root overlay", path);
  close(tree);
}

/// By descriptor: fsconfig(2) takes no more than 255 characters, and overlayfs has its own meaning for ':' and ','.
void set_layer(int context, const char* option, int tree, const char* below, const char* path) {
  SmallText<64> value;
  value << "/proc/self/fd/" << tree << below;
  if (fsconfig(context, FSCONFIG_SET_STRING, option, value.c_str(), 0) != 0) give_up("make root overlay", path);
}

}  // namespace

int open_overlay_tree(const PlanView& plan) {
  const char* path = plan.overlay_directory;
  if (!plan.root_overlay || *path == 0) return -1;
  const int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) give_up("open root overlay", path);
  // On the disk of an idmapped tree the container's root is 0.
  make_layers(directory, plan.root_idmapped ? 0 : plan.root_uid, plan.root_idmapped ? 0 : plan.root_gid, path);
  const int tree = open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0 || !add_attributes(tree, 0, false)) give_up("open root overlay", path);
  close(directory);
  return tree;
}

void make_overlay(const PlanView& plan, MountTrees& trees) {
  const char* path = *plan.overlay_directory != 0 ? plan.overlay_directory : "tmpfs";
  const int changes = trees.overlay >= 0 ? trees.overlay : make_memory_tree(plan);
  put_in_sight(trees.root, plan.root_source);
  put_in_sight(changes, path);
  const int context = fsopen("overlay", FSOPEN_CLOEXEC);
  if (context < 0) give_up("make root overlay", "overlay");
  set_layer(context, "lowerdir", trees.root, "", plan.root_source);
  set_layer(context, "upperdir", changes, "/upper", path);
  set_layer(context, "workdir", changes, "/work", path);
  if (fsconfig(context, FSCONFIG_SET_STRING, "source", "overlay", 0) != 0) give_up("make root overlay", path);
  // Where the container's root has ids of its own it may not write the trusted attributes that overlayfs keeps its
  // notes in otherwise.
  if (plan.root_uid != 0 && fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) != 0)
    give_up("make root overlay", path);
  if (fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) give_up("make root overlay", path);
  const int overlay = fsmount(context, FSMOUNT_CLOEXEC, 0);
  if (overlay < 0) give_up("make root overlay", path);
  close(context);
  take_out_of_sight(changes, path);
  take_out_of_sight(trees.root, plan.root_source);
  trees.root = overlay;
  trees.overlay = -1;
}

}  // namespace container
