// What a running container's network looks like, and its hostname: asked of the kernel from inside its namespaces, so
// that no agent is needed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace container {

struct GuestAddress {
  bool ipv6 = false;
  std::string text;
  unsigned prefix = 0;
  bool operator==(const GuestAddress&) const = default;
};

struct GuestLink {
  std::string name;
  std::optional<std::array<std::uint8_t, 6>> mac;
  std::vector<GuestAddress> addresses;
  bool operator==(const GuestLink&) const = default;
};

/// An address that the host has heard a MAC address answer for.
struct Neighbor {
  std::array<std::uint8_t, 6> mac{};
  GuestAddress address;
  bool operator==(const Neighbor&) const = default;
};

/// Of a network or uts namespace. Throw SystemError.
std::vector<GuestLink> read_guest_links(int network_namespace);
std::string read_hostname(int uts_namespace);

std::vector<Neighbor> read_neighbors();

}  // namespace container
