// What a bridge does with one of its ports: isolation from other isolated ports, VLANs.
#pragma once

#include <string>
#include <vector>

#include "netlink/message.hpp"
#include "netlink/socket.hpp"

namespace netlink {

struct PortVlan {
  unsigned id = 0;
  bool native = false;    // untagged frames from the port belong to it
  bool untagged = false;  // frames to the port go without tag
  bool operator==(const PortVlan&) const = default;
};

/// Throw SystemError naming the port.
void set_port_isolated(Socket& socket, const std::string& port, bool isolated);
/// These VLANs and no others, for the port of a bridge that filters them (filters_vlans()). `before`: those it was
/// given earlier; a port that was given none is in the bridge's own one, as it is again when `vlans` is empty.
void set_port_vlans(Socket& socket, const std::string& port, const std::string& bridge,
                    const std::vector<PortVlan>& vlans, const std::vector<PortVlan>& before = {});
/// Whether tags mean anything to the bridge. False for kernels that do not know.
bool filters_vlans(const std::string& bridge);

Message isolate_port_message(int port_index, bool isolated);
Message add_port_vlans_message(int port_index, const std::vector<PortVlan>& vlans);
Message remove_port_vlan_message(int port_index, unsigned id);

}  // namespace netlink
