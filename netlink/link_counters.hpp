// Traffic counters of the links in this thread's namespace, all at once from /proc/net/dev: the one source that takes
// no lock, while RTM_GETLINK waits for whoever is making or changing a link.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace netlink {

/// As the device itself counts: for the host end of a veth, "received" is what the container sent.
struct LinkCounters {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
  bool operator==(const LinkCounters&) const = default;
};

/// By link name. Pure: from the text of /proc/net/dev (proc(5)).
std::map<std::string, LinkCounters, std::less<>> parse_link_counters(std::string_view text);
/// Throws SystemError if the file cannot be read.
std::map<std::string, LinkCounters, std::less<>> read_link_counters();

/// Of one link, whose cost does not grow with the number of the others. nullopt: there is no such link.
std::optional<LinkCounters> read_link_counters(const std::string& name);

}  // namespace netlink
