#include "container/empty_root.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>

#include "base/error.hpp"
#include "container/mounts.hpp"

namespace container {
namespace {

[[noreturn]] void fail_to(const char* step) {
  base::fail_errno(base::Code::SystemError, "cannot make an empty mount namespace: ", step);
}

/// Two inodes and no room: nothing could be put there even if it were writable.
base::Fd make_root() {
  const base::Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context) fail_to("open tmpfs");
  const auto set = [&](const char* key, const char* value) {
    if (::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0) < 0) fail_to(key);
  };
  set("size", "4k");
  set("nr_inodes", "2");
  set("mode", "555");
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) fail_to("make tmpfs");
  base::Fd root(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!root || ::mkdirat(root.get(), kOwnViewPlace + 1, 0) < 0) fail_to("mount tmpfs");
  mount_attr change = {};
  change.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(root.get(), "", AT_EMPTY_PATH, &change, sizeof change) < 0) fail_to("make tmpfs read-only");
  return root;
}

/// Changes the calling thread's root and mounts, so it has to be one of its own.
base::Fd empty_own_namespace() {
  if (::unshare(CLONE_NEWNS) < 0) fail_to("unshare");
  base::Fd self = base::open_file("/proc/thread-self/ns/mnt", O_RDONLY);
  mount_attr change = {};
  change.propagation = MS_PRIVATE;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof change) < 0) fail_to("make private");
  const base::Fd root = make_root();
  if (::move_mount(root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || ::fchdir(root.get()) < 0 ||
      ::syscall(SYS_pivot_root, ".", ".") < 0 || ::umount2(".", MNT_DETACH) < 0)
    fail_to("change root");
  // Whoever enters it is led to the namespace's own root. Of a daemon in a chroot that is the host's, with everything.
  struct stat made = {}, found = {};
  if (::setns(self.get(), CLONE_NEWNS) < 0 || ::fstat(root.get(), &made) < 0 || ::stat("/", &found) < 0)
    fail_to("enter it");
  if (made.st_dev != found.st_dev)
    base::fail(base::Code::OperationUnsupported, "containers cannot be started by a daemon that runs in a chroot");
  return self;
}

}  // namespace

base::Fd make_empty_root() {
  return std::async(std::launch::async, empty_own_namespace).get();
}

}  // namespace container
