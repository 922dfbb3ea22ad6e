// A process known by its pidfd, which the kernel never gives to another process as it does with pids.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/fd.hpp"

namespace base {

class PidFd {
 public:
  PidFd() = default;
  /// Takes over an open pidfd for `pid`.
  PidFd(pid_t pid, Fd fd) noexcept : pid_(pid), fd_(static_cast<Fd&&>(fd)) {}
  /// pidfd_open(2); nullopt when no such process exists.
  static std::optional<PidFd> open(pid_t pid);

  pid_t pid() const noexcept { return pid_; }
  int fd() const noexcept { return fd_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

  /// pidfd_send_signal(2); false when the process is gone.
  bool signal(int number) const;
  /// Waits until the process has ended (not necessarily been reaped); false when `timeout_ms` passed first (-1: no
  /// limit).
  bool wait_exit(int timeout_ms) const;
  /// waitid(P_PIDFD) for a child: its wait status (as wait(2) gives it), or nullopt while it runs or if it is not ours.
  std::optional<int> reap() const;

 private:
  pid_t pid_ = -1;
  Fd fd_;
};

/// Field 22 of /proc/PID/stat: start time in clock ticks since boot, 0 if there is no such process (proc(5)).
unsigned long long process_start_time(pid_t pid);

}  // namespace base
