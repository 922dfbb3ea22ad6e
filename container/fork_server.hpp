// The daemon's end of the template of supervisors (forks.hpp): one child process for as long as the daemon lives, that
// every container's supervisor is a copy of.
#pragma once

#include <sched.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/pid_fd.hpp"
#include "container/control_socket.hpp"

namespace container {

class ForkServer {
 public:
  /// A program that cannot be executed is logged, and an error of who wants a copy.
  explicit ForkServer(std::string program);
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  /// Asks for a supervisor, a child of ours that has the other end of `control` and is born in `v2_directory` (-1: in
  /// the daemon's cgroup). Does not wait for it. A template that is gone is replaced. Any thread. Throws SystemError.
  void fork(const base::Fd& control, int v2_directory);
  /// Hears who it is, the first that such a control socket says. Throws why there is none; none is left behind then.
  base::PidFd await_forked(ControlSocket& control, Deadline deadline);

 private:
  void begin();
  bool ask(const std::vector<int>& fds) const;
  int end() noexcept;
  int reap_unannounced();

  const std::string program_;
  std::mutex mutex_;
  base::Fd socket_;
  base::PidFd process_;
  cpu_set_t cpus_{};                          // that it was begun with
  std::atomic<bool> knows_its_cpus_ = false;  // the template, which has looked by the time that a copy has spoken
};

}  // namespace container
