// Links known by name or index: look up, up and down, rename, delete.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netlink/socket.hpp"
#include "netlink/veth.hpp"

namespace netlink {

/// Interface index, nullopt if there is no such link in the socket's namespace.
std::optional<int> find_link(Socket& socket, const std::string& name);
/// IFF_UP on or off. Throws SystemError naming the link.
void set_link_up(Socket& socket, const std::string& name, bool up);
/// Throws SystemError if there is no such link, it is up (kernels before 6.2), or the new name is taken.
void rename_link(Socket& socket, const std::string& name, const std::string& new_name);
/// RTM_DELLINK; a link that is gone already is success.
void delete_link(Socket& socket, const std::string& name);
void delete_link(Socket& socket, int index);
/// Throw SystemError naming the link.
void set_link_mac(Socket& socket, const std::string& name, const Mac& mac);
void set_link_mtu(Socket& socket, const std::string& name, unsigned mtu);
/// Makes it a port of `bridge`, of none if that is empty. Throws SystemError naming both.
void set_link_master(Socket& socket, const std::string& name, const std::string& bridge);
/// Into network namespace `netns`, where it is called `name` and down, without its addresses. Throws SystemError, with
/// errno EEXIST if the name is taken there, EINVAL if the link is of a kind that cannot leave.
void move_link(Socket& socket, int index, int netns, const std::string& name);
/// nullopt: no such link.
std::optional<Mac> link_mac(Socket& socket, const std::string& name);
std::optional<unsigned> link_mtu(Socket& socket, const std::string& name);
/// The name of the link with that index; empty: no such link.
std::string link_name(Socket& socket, int index);
std::vector<std::string> link_names(Socket& socket);

}  // namespace netlink
