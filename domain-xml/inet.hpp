// Addresses and routes of an interface.
#pragma once

#include <optional>
#include <string>

#include "domain-xml/definition.hpp"
#include "domain-xml/node.hpp"

namespace domain_xml {

/// An IPv4 or IPv6 address in binary, network byte order.
struct InetAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits() const { return v6 ? 128 : 32; }
  bool operator==(const InetAddress&) const = default;
};

/// IPv6 as RFC 4291 has it; IPv4 also with one to three parts, as the C library reads it.
std::optional<InetAddress> parse_inet(const std::string& text);
std::string format_inet(const InetAddress& address);
/// The first `prefix` bits, the others 0.
InetAddress network_of(const InetAddress& address, unsigned prefix);

IpAddress parse_ip(const Node& node);
Route parse_route(const Node& node);

}  // namespace domain_xml
