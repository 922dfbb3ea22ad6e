// What went through the containers' interfaces, as the containers see it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace container {

/// Received is what the container received.
struct Traffic {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
  bool operator==(const Traffic&) const = default;
};

/// By the name of the interface's host end. One file for all of them.
using TrafficByLink = std::map<std::string, Traffic, std::less<>>;
TrafficByLink read_traffic();
/// Of one; nullopt when it is gone.
std::optional<Traffic> read_traffic(const std::string& link);

}  // namespace container
