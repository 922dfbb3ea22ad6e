#include "container/initctl.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace container {
namespace {

constexpr const char* kPipes[] = {"/run/initctl", "/dev/initctl", "/etc/.initctl"};

/// initctl(5) of sysvinit: 384 bytes whatever the request.
struct Request {
  std::int32_t magic = 0x03091969;
  std::int32_t command = 1;  // change runlevel
  std::int32_t runlevel = 0;
  std::int32_t sleep_seconds = 0;
  char unused[368] = {};
};
static_assert(sizeof(Request) == 384);

base::Fd open_path_beneath(int root, const char* path) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  // Only what the kernel knows without asking: the container may have put a file system there that answers when it
  // likes (FUSE, autofs), and we would wait for it. Whoever reads a FIFO has looked its name up, so it is known.
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED;
  return base::Fd(static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how)));
}

bool is_hosts_own(const struct stat& found) {
  for (const char* path : kPipes) {
    struct stat own {};
    if (::stat(path, &own) == 0 && own.st_dev == found.st_dev && own.st_ino == found.st_ino) return true;
  }
  return false;
}

/// Without asking the file system, as above.
bool is_pipe(int fd, struct stat& status) {
  struct statx found {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &found) < 0) return false;
  status.st_dev = makedev(found.stx_dev_major, found.stx_dev_minor);
  status.st_ino = found.stx_ino;
  return S_ISFIFO(found.stx_mode);
}

/// By O_PATH first: opening a device node for writing could do something, and a FIFO is only known after stat.
base::Fd open_pipe(int root, const char* path) {
  const base::Fd found = open_path_beneath(root, path);
  struct stat status {};
  if (!found || !is_pipe(found.get(), status) || is_hosts_own(status)) return {};
  // Not blocking, so that a FIFO nobody reads answers ENXIO.
  return base::Fd(::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

bool write_runlevel(const base::PidFd& init, char runlevel) {
  const base::Fd root(
      ::open(("/proc/" + std::to_string(init.pid()) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root || init.wait_exit(0)) return false;  // the number may be another's by now, the pidfd says so
  Request request;
  request.runlevel = static_cast<unsigned char>(runlevel);
  for (const char* path : kPipes) {
    const base::Fd pipe = open_pipe(root.get(), path);
    if (pipe && ::write(pipe.get(), &request, sizeof request) == static_cast<ssize_t>(sizeof request)) return true;
  }
  return false;
}

}  // namespace container
