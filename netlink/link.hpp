// Links known by name or index: look up, up and down, rename, delete.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netlink/socket.hpp"

namespace netlink {

/// Interface index, nullopt if there is no such link in the socket's namespace.
std::optional<int> find_link(Socket& socket, const std::string& name);
/// IFF_UP on or off. Throws SystemError naming the link.
void set_link_up(Socket& socket, const std::string& name, bool up);
/// Throws SystemError if there is no such link, it is up (kernels before 6.2), or the new name is taken.
void rename_link(Socket& socket, const std::string& name, const std::string& new_name);
/// RTM_DELLINK; a link that is gone already is success.
void delete_link(Socket& socket, const std::string& name);
std::vector<std::string> link_names(Socket& socket);

}  // namespace netlink
