#include "container/forks.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "container/failure.hpp"
#include "container/own_view.hpp"
#include "container/supervisor_loop.hpp"

namespace container {
namespace {

using protocol::Type;

constexpr int kQuietMilliseconds = 20;  // a start is over by then

unsigned long cpus[128];  // the daemon's; with more than 8192 of them, they stay as they are
long cpu_bytes = 0;       // of them, as the kernel has them

/// A child of the daemon's, not ours, so that it is the daemon that hears of its end and can reap it.
pid_t fork_for_daemon(int cgroup) {
  clone_args args = {};
  args.flags = CLONE_PARENT;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
}

/// The first that is heard of it. In its own words, so that nothing it says later can come before. Until then it is in
/// the template's process group, by which the daemon finds one that could not say even this.
void announce() {
  const auto pid = static_cast<pid_t>(syscall(SYS_getpid));
  const int own = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (own < 0) give_up("open own process", "");
  const protocol::Header header = make_header(Type::Forked, sizeof header, static_cast<std::uint32_t>(pid));
  if (!send_packet(protocol::kControlFd, &header, sizeof header, &own, 1, 0)) give_up("announce", "");
  close(own);
  setsid();
}

void tell_failure(int control, int error) {
  static protocol::FailedMessage failed;
  failed.header = make_header(Type::Failed, sizeof failed);
  std::strcpy(failed.step, "fork");
  failed.error = error;
  send_packet(control, &failed, sizeof failed, nullptr, 0, MSG_DONTWAIT);
}

/// A start that is under way, or is asked for at once, has more use for the CPU.
bool is_quiet() {
  pollfd next = {protocol::kControlFd, POLLIN, 0};
  return poll(&next, 1, kQuietMilliseconds) == 0;
}

}  // namespace

void serve_forks(Received& received) {
  prctl(PR_SET_NAME, "lxcell-template");
  const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof cpus, cpus);
  cpu_bytes = bytes < 0 ? 0 : bytes;
  for (;;) {
    if (received.fd_count > 0) {
      const int control = received.fds[0];
      const pid_t pid = fork_for_daemon(received.fd_count > 1 ? received.fds[1] : -1);
      if (pid == 0) {
        if (dup2(control, protocol::kControlFd) < 0 || fcntl(protocol::kControlFd, F_SETFD, FD_CLOEXEC) != 0)
          _exit(protocol::exit_status_of(errno));
        for (int i = 0; i < received.fd_count; i++) close(received.fds[i]);
        return announce();
      }
      if (pid < 0) tell_failure(control, errno);
      if (pid > 0) drop_spare_view();
      for (int i = 0; i < received.fd_count; i++) close(received.fds[i]);
    }
    if (is_quiet()) make_spare_view();
    protocol::Header header;
    receive_packet(protocol::kControlFd, &header, sizeof header, received, 0);
    if (received.size <= 0)  // the daemon is gone, or we cannot hear it: it makes another, and hears why
      _exit(received.size < 0 ? protocol::exit_status_of(errno) : 0);
  }
}

void keep_off_our_cpu(pid_t child) {
  constexpr unsigned kBits = 8 * sizeof(unsigned long);
  unsigned here = 0;
  if (syscall(SYS_getcpu, &here, nullptr, nullptr) != 0 || here >= 8 * static_cast<unsigned long>(cpu_bytes)) return;
  unsigned long& word = cpus[here / kBits];
  const unsigned long bit = word & 1UL << (here % kBits);
  word &= ~bit;
  syscall(SYS_sched_setaffinity, child, cpu_bytes, cpus);  // fails where no other is left
  word |= bit;
}

void go_to_any_cpu() {
  if (cpu_bytes > 0) syscall(SYS_sched_setaffinity, 0, cpu_bytes, cpus);
}

void show_name(int argument_count, char** arguments, const char* name) {
  if (argument_count < 2) return;
  const std::size_t room = std::strlen(arguments[1]);
  std::strncpy(arguments[1], name, room);
}

}  // namespace container
