// Makes bridges. Ports join them by their own messages (veth.hpp); delete_link() removes them.
#pragma once

#include <string>

#include "netlink/socket.hpp"

namespace netlink {

/// A bridge that is up; its index. Throws SystemError naming it, if the name is in use among others.
int create_bridge(Socket& socket, const std::string& name);

}  // namespace netlink
