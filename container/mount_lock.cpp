#include "container/mount_lock.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

using base::Code;

/// Where everybody has a directory and a file, for trees are one or the other.
constexpr const char *kDirectory = "/proc", *kFile = "/proc/version";

/// In the child, which has a copy of a daemon with threads: system calls only, and those that thread sanitizer follows
/// without its knowledge, for it takes descriptors for memory. They are the daemon's, so that `result` is exchanged
/// there for the locked tree.
int launder(int tree, const char* place, int user_namespace, int result) {
  mount_attr change = {};
  change.propagation = MS_PRIVATE;  // or the host would get the tree too
  if (::unshare(CLONE_NEWNS) < 0 || ::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof change) < 0 ||
      ::move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
      ::setns(user_namespace, CLONE_NEWUSER) < 0 || ::unshare(CLONE_NEWNS) < 0)
    return errno;
  const int locked = ::open_tree(AT_FDCWD, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (locked < 0) return errno;
  const int error = ::syscall(SYS_dup3, locked, result, O_CLOEXEC) < 0 ? errno : 0;
  ::syscall(SYS_close, locked);
  return error;
}

}  // namespace

base::Fd lock_flags(base::Fd tree, const base::Fd& user_namespace, const char* name) {
  struct stat info {};
  if (::fstat(tree.get(), &info) < 0) base::fail_errno(Code::SystemError, "cannot lock filesystem '", name, "'");
  const char* const place = S_ISDIR(info.st_mode) ? kDirectory : kFile;
  base::Fd result = base::open_file("/dev/null", O_RDONLY);
  int pidfd = -1;
  const pid_t child = clone_process(CLONE_FILES, -1, pidfd);
  if (child == 0) leave(launder(tree.get(), place, user_namespace.get(), result.get()));
  const int error = errno;
  const base::Fd handle(child < 0 ? -1 : pidfd);
  if (child < 0) base::fail_errno_value(error, Code::SystemError, "cannot lock filesystem '", name, "'");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) base::fail(Code::SystemError, "cannot lock filesystem '", name, "': the process was killed");
  if (WEXITSTATUS(status) != 0)
    base::fail_errno_value(WEXITSTATUS(status), Code::SystemError, "cannot lock filesystem '", name, "'");
  return result;
}

}  // namespace container
