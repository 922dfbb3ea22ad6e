// Limits on what goes through a link, by the kernel's traffic control: what the link sends is queued (HTB), what it
// receives is dropped when there is too much of it (policer.hpp). Both go with the link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netlink/message.hpp"
#include "netlink/policer.hpp"
#include "netlink/socket.hpp"

namespace netlink {

/// As libvirt has it: 1000 bytes per second, and 1024 bytes. `burst` may be sent at once after a pause, at `peak`
/// (without: at any speed). `floor`, a guaranteed share of a network, is for the network's bridge and nothing here.
struct BandwidthRate {
  std::uint64_t average = 0;  // 0: no limit
  std::optional<std::uint64_t> peak, burst, floor;
  bool operator==(const BandwidthRate&) const = default;
};

/// As the container sees it: inbound is what it receives.
struct Bandwidth {
  std::optional<BandwidthRate> inbound, outbound;
  bool operator==(const Bandwidth&) const = default;
};

/// Makes `host_link`, the host's end of a container's link, enforce `bandwidth` in place of whatever limits it had; no
/// rate is no limit. Traffic goes on while limits change. Throws SystemError naming the link, with what is missing if
/// the kernel cannot do it; of the two directions one may have changed then.
void set_bandwidth(Socket& socket, const std::string& host_link, const Bandwidth& bandwidth);
/// The same for a link inside a container, whose directions are the container's.
void set_bandwidth_inside(Socket& socket, const std::string& guest_link, const Bandwidth& bandwidth);

/// The buckets that `rate` means for what a link receives: the average, and the peak if there is one.
std::vector<TokenBucket> token_buckets(const BandwidthRate& rate);

// The requests, of which set_bandwidth() needs some.
Message add_shaper_message(int link_index);
Message shaper_class_message(int link_index, const BandwidthRate& rate);
Message shaper_leaf_message(int link_index);
Message remove_shaper_message(int link_index);
Message add_ingress_message(int link_index);
Message police_message(int link_index, int program);
Message remove_ingress_message(int link_index);

}  // namespace netlink
