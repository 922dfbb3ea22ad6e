// Links known by name or index: look up, up and down, rename, delete, counters.
#pragma once

#include <cstdint>
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

/// As the device itself counts: for the host end of a veth, "received" is what the container sent.
struct LinkStats {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};
std::optional<LinkStats> link_stats(Socket& socket, const std::string& name);

}  // namespace netlink
