// Starts the supervisor: a child born in its cgroup, with only the control socket and a log, of a daemon that has
// threads.
#pragma once

#include <future>
#include <string>

#include "base/descriptors.hpp"
#include "base/pid_fd.hpp"

namespace container {

struct SpawnPlan {
  std::string program;
  std::string name;       // argv[1], for who reads ps
  int control = -1;       // becomes protocol::kControlFd
  int log = -1;           // becomes stdout and stderr
  int v2_directory = -1;  // born in this cgroup; -1: in the daemon's
};

/// To be called while few descriptors are open: low numbers are kept for what children are given.
void prepare_spawning();

/// Blocks until the program is executed. Throws SystemError naming it when that fails; no child is left then.
base::PidFd spawn_supervisor(const SpawnPlan& plan);
/// The same by a thread of its own, while the caller goes on. The descriptors of `plan` but `control`, which is closed
/// at the end, have to stay open until the result is there.
std::future<base::PidFd> spawn_supervisor_beside(SpawnPlan plan, base::Fd control);

}  // namespace container
