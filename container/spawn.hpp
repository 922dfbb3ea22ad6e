// Executes the supervisor program: a child with only a socket and a log, of a daemon that has threads.
#pragma once

#include <optional>
#include <string>

#include "base/pid_fd.hpp"

namespace container {

struct SpawnPlan {
  std::string program;
  std::string name;  // argv[1], for who reads ps
  int control = -1;  // becomes protocol::kControlFd
  int log = -1;      // becomes stdout and stderr
};

/// Blocks until the program is executed. Throws SystemError naming it when that fails; no child is left then.
base::PidFd spawn_supervisor(const SpawnPlan& plan);
/// One that has not been told what to do, and ends as its socket has been closed; it is killed if it takes its time.
/// Its wait status, if it is a child of ours.
std::optional<int> end_supervisor(const base::PidFd& process) noexcept;

}  // namespace container
