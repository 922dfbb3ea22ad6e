#include "container/system_calls.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace container {

constexpr int kSignals = 64;

int open_beneath(int root, const char* path, int flags) {
  open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a rename or mount anywhere on the host raced with ".." in the path (openat2(2)); trying again is the
  // remedy.
  for (int attempt = 0; attempt < 128; attempt++) {
    const int fd = static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN) return fd;
  }
  return -1;
}

pid_t clone_process(std::uint64_t flags, int cgroup, int& pidfd) {
  clone_args args = {};
  args.flags = flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
}

void leave(int status) {
  for (;;) syscall(SYS_exit_group, status);
}

bool write_text(int fd, const char* text) {
  const std::size_t size = std::strlen(text);
  const ssize_t written = write(fd, text, size);
  if (written >= 0 && static_cast<std::size_t>(written) != size) errno = EIO;
  return written == static_cast<ssize_t>(size);
}

bool write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write_text(fd, text);
  const int error = errno;
  close(fd);
  errno = error;
  return written;
}

void reset_signals() {
  const std::uint64_t default_action[4] = {};  // the kernel's struct sigaction; SIG_DFL is 0
  for (int number = 1; number <= kSignals; number++) {
    syscall(SYS_rt_sigaction, number, default_action, nullptr, sizeof(std::uint64_t));
  }
}

void set_blocked_signals(std::uint64_t mask) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

}  // namespace container
