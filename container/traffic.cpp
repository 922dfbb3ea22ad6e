#include "container/traffic.hpp"

#include "netlink/link_counters.hpp"

namespace container {
namespace {

/// A veth's host end receives what the container sends.
Traffic seen_from_inside(const netlink::LinkCounters& link) {
  return {link.tx_bytes, link.tx_packets, link.tx_errors, link.tx_dropped,
          link.rx_bytes, link.rx_packets, link.rx_errors, link.rx_dropped};
}

}  // namespace

TrafficByLink read_traffic() {
  TrafficByLink traffic;
  for (const auto& [name, link] : netlink::read_link_counters())
    traffic.emplace_hint(traffic.end(), name, seen_from_inside(link));
  return traffic;
}

std::optional<Traffic> read_traffic(const std::string& link) {
  const auto counters = netlink::read_link_counters(link);
  return counters ? std::optional(seen_from_inside(*counters)) : std::nullopt;
}

}  // namespace container
