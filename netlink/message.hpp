// Requests to the kernel as bytes, built from our values. Pure: nothing here sends, opens or looks anything up.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "netlink/veth.hpp"

struct nl_msg;

namespace netlink {

struct FreeMessage {
  void operator()(nl_msg* message) const noexcept;
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

/// What a device name may hold: 15 characters, no '/', ':' or blank, not "." or "..".
bool valid_link_name(const std::string& name);

/// The host end's address when the plan leaves it open: the guest's with first octet fe (fa if the guest has that
/// itself), as KVM guests' tap devices have it. A bridge takes the lowest address of its ports as its own, and must not
/// take one that goes away with a container.
Mac host_mac(const VethPlan& plan);

/// One RTM_NEWLINK for both ends. `bridge_index` 0 is no bridge. Throws InvalidArg for impossible names.
Message veth_message(const VethPlan& plan, int bridge_index, int netns);
Message bridge_message(const std::string& name);
Message get_link_message(const std::string& name);
Message list_links_message();
Message delete_link_message(const std::string& name);
Message delete_link_message(int index);
Message set_link_up_message(const std::string& name, bool up);
Message rename_link_message(int index, const std::string& name);
Message set_link_mac_message(const std::string& name, const Mac& mac);
Message set_link_mtu_message(const std::string& name, unsigned mtu);
/// 0: out of the bridge it is in.
Message set_link_master_message(const std::string& name, int master_index);
/// Down, into network namespace `netns`, where it is called `name`.
Message move_link_message(int index, int netns, const std::string& name);

/// IPv4 gets the broadcast address of its network, IPv6 skips duplicate address detection: a static address in a
/// namespace of its own is usable at once. Throws InvalidArg for text that is no address and for prefixes longer than
/// it.
Message address_message(int link_index, const std::string& address, unsigned prefix, const std::string& peer);
Message route_message(const std::string& destination, unsigned prefix, const std::string& gateway, unsigned metric);
Message remove_address_message(int link_index, const std::string& address, unsigned prefix, const std::string& peer);
Message remove_route_message(const std::string& destination, unsigned prefix, const std::string& gateway,
                             unsigned metric);

}  // namespace netlink
