// The processors one process may run on (sched_setaffinity(2)), in list syntax.
#pragma once

#include <sys/types.h>

#include <string>

namespace container {

/// Of a single-threaded process. An empty list means every processor its cpuset allows. Throws SystemError.
void set_affinity(pid_t process, const std::string& cpus);
std::string affinity(pid_t process);

}  // namespace container
