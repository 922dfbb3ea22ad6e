#include "container/devices.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>

#include "container/failure.hpp"
#include "container/filesystem.hpp"
#include "container/small_text.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

void own(const PlanView& plan, int dev, const char* path) {
  if (plan.root_uid == 0 && plan.root_gid == 0) return;
  if (fchownat(dev, path, plan.root_uid, plan.root_gid, AT_SYMLINK_NOFOLLOW) != 0) give_up("chown device", path);
}

void make_directory(const PlanView& plan, int dev, const char* path) {
  if (mkdirat(dev, path, 0755) == 0) return own(plan, dev, path);
  if (errno != EEXIST) give_up("make directory in /dev", path);
}

void make_parents(const PlanView& plan, int dev, const char* path) {
  char part[256];
  for (const char* slash = std::strchr(path, '/'); slash != nullptr; slash = std::strchr(slash + 1, '/')) {
    const std::size_t size = static_cast<std::size_t>(slash - path);
    if (size == 0 || size >= sizeof part) continue;
    std::memcpy(part, path, size);
    part[size] = 0;
    make_directory(plan, dev, part);
  }
}

void make_file(const PlanView& plan, int dev, const char* path) {
  if (mknodat(dev, path, S_IFREG | 0600, 0) != 0) give_up("make target in /dev", path);
  own(plan, dev, path);
}

void make_node(const PlanView& plan, int dev, const NodeView& node) {
  make_parents(plan, dev, node.path);
  const mode_t type = node.type == 'b' ? S_IFBLK : S_IFCHR;
  if (mknodat(dev, node.path, type | (node.mode & 07777), makedev(node.major, node.minor)) != 0) {
    give_up("make device", node.path);
  }
  own(plan, dev, node.path);
}

SmallText<16> console_name(std::uint32_t index) {
  SmallText<16> name;
  name << "tty" << static_cast<int>(index + 1);
  return name;
}

/// open_tree(2) of one pts node, attached over the empty file of that name.
void bind_node(int from_directory, const char* from, int dev, const char* name) {
  const int node = open_tree(from_directory, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (node < 0) give_up("open terminal", from);
  if (move_mount(node, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) != 0) give_up("mount terminal", name);
  close(node);
}

void open_pty(int pts, Consoles& consoles, std::uint32_t index) {
  const int master = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  const int unlocked = 0;
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) != 0) give_up("open console", "/dev/pts/ptmx");
  const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) give_up("open console", "/dev/pts");
  consoles.masters[index] = master;
  consoles.slaves[index] = slave;
  consoles.count = index + 1;
}

}  // namespace

int make_dev(const PlanView& plan) {
  const int dev = make_filesystem("tmpfs", "devfs", plan.dev_options, MOUNT_ATTR_NOSUID);
  if (dev < 0) give_up("make /dev", plan.dev_options);
  umask(0);  // node modes are the plan's
  own(plan, dev, ".");
  make_directory(plan, dev, "pts");
  make_file(plan, dev, "ptmx");
  if (plan.consoles > 0) make_file(plan, dev, "console");
  for (std::uint32_t i = 0; i < plan.consoles; i++) make_file(plan, dev, console_name(i).c_str());
  for (const NodeView& node : plan.nodes) make_node(plan, dev, node);
  for (const LinkView& link : plan.links) {
    make_parents(plan, dev, link.path);
    if (symlinkat(link.target, dev, link.path) != 0) give_up("make link in /dev", link.path);
    own(plan, dev, link.path);
  }
  umask(022);
  return dev;
}

void make_consoles(const PlanView& plan, int dev, Consoles& consoles) {
  const int pts = make_filesystem("devpts", "devpts", plan.devpts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (pts < 0) give_up("mount", "/dev/pts");
  own(plan, pts, ".");
  own(plan, pts, "ptmx");
  if (move_mount(pts, "", dev, "pts", MOVE_MOUNT_F_EMPTY_PATH) != 0) give_up("mount", "/dev/pts");
  for (std::uint32_t i = 0; i < plan.consoles; i++) open_pty(pts, consoles, i);
  bind_node(pts, "ptmx", dev, "ptmx");
  if (plan.consoles > 0) bind_node(pts, "0", dev, "console");
  for (std::uint32_t i = 0; i < plan.consoles; i++) {
    SmallText<16> index;
    index << static_cast<int>(i);
    bind_node(pts, index.c_str(), dev, console_name(i).c_str());
  }
  close(pts);
}

void open_consoles(const PlanView& plan, int root, Consoles& consoles) {
  for (; consoles.count < plan.consoles; consoles.count++) {
    SmallText<32> path;
    path << "/dev/pts/" << static_cast<int>(consoles.count);
    const int slave = open_beneath(root, path.c_str(), O_RDWR | O_NOCTTY);
    if (slave < 0) give_up("open console", path.c_str());
    consoles.slaves[consoles.count] = slave;
  }
}

}  // namespace container
