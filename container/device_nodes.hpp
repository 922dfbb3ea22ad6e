// Device nodes in the /dev of a container that runs. Whatever its processes have put there, nothing is made, changed or
// removed outside of its root.
#pragma once

#include <sys/types.h>

#include "base/pid_fd.hpp"
#include "container/plan.hpp"

namespace container {

/// `owner` and `group`: host ids. Throws OperationFailed if something of that name is there, OperationInvalid if the
/// container has ended, SystemError otherwise.
void make_node_inside(const base::PidFd& init, const DeviceNode& node, uid_t owner, gid_t group);
/// One that is gone, or is another device by now, is success.
void remove_node_inside(const base::PidFd& init, const DeviceNode& node);

}  // namespace container
