// Mounts that come to and leave a container that runs. What comes from the host is opened with the host's eyes, as
// detached trees; everything inside is found beneath the container's root by descriptor, so that no link of a hostile
// image leads anywhere else.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/pid_fd.hpp"
#include "container/plan_container.hpp"

namespace container {

/// The container's root, as the host knows it.
struct HostRoot {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Removes, then adds, all or nothing; returns the mount points it had to make in the image. `processes`: all of the
/// container's. What is no longer mounted is removed. Throws ResourceBusy for a mount that is in use,
/// OperationFailed when one of the container's own has taken its place, OperationInvalid when the container has ended,
/// else SystemError.
std::vector<std::string> change_mounts(const base::PidFd& init, const MountChange& change, const HostRoot& owner,
                                       const std::vector<int>& processes);

/// As protocol::StatusMessage has them: each with its NUL.
std::string mount_point_list(const std::vector<std::string>& paths);

}  // namespace container
