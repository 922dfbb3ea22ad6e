// Names for host ends: "vnet0", "vnet1" ... Numbers go up and do not come back soon, so that a name in a log means one
// device.
#pragma once

#include <string>
#include <vector>

namespace netlink {

/// The first of PREFIX<counter>, PREFIX<counter+1> ... that is not among `in_use`; `counter` is left behind it. Starts
/// again at 0 when the number no longer fits a device name. Throws InvalidArg for a prefix that leaves no room.
std::string next_link_name(const std::string& prefix, const std::vector<std::string>& in_use, unsigned& counter);

}  // namespace netlink
