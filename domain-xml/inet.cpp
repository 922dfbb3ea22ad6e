#include "domain-xml/inet.hpp"

#include <arpa/inet.h>

#include <cstring>

#include "base/error.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

std::optional<InetAddress> parse_inet(const std::string& text) {
  InetAddress address;
  // inet_aton(3) ignores what follows a blank.
  if (text.find_first_of(" \t\r\n\v\f") != std::string::npos) return std::nullopt;
  if (in_addr v4{}; ::inet_aton(text.c_str(), &v4) == 1) {
    std::memcpy(address.bytes.data(), &v4, sizeof v4);
    return address;
  }
  address.v6 = true;
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

std::string format_inet(const InetAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

InetAddress network_of(const InetAddress& address, unsigned prefix) {
  InetAddress network = address;
  for (unsigned bit = prefix; bit < address.bits(); ++bit)
    network.bytes[bit / 8] = static_cast<std::uint8_t>(network.bytes[bit / 8] & ~(0x80u >> bit % 8));
  return network;
}

namespace {

/// `family` as given says which kind is wanted; without it the address decides.
bool family_matches(const std::string& family, const InetAddress& address) {
  // libvirt makes nothing of another word.
  return (family != "ipv4" && family != "ipv6") || family == (address.v6 ? "ipv6" : "ipv4");
}

template <typename... Parts>
[[noreturn]] void fail_route(const Parts&... parts) {
  fail_from(From::Network, Code::XmlError, "interface route: ", parts...);
}

InetAddress route_address(const Node& node, const char* attribute, const std::string& family) {
  const auto text = node.attribute(attribute);
  if (!text) fail_route("attribute '", attribute, "' is missing");
  const auto address = parse_inet(*text);
  if (!address) fail_route("'", *text, "' is no address");
  const bool v6 = family == "ipv6";
  if (address->v6 != v6) fail_route("'", *text, "' is not of family '", v6 ? "ipv6" : "ipv4", "'");
  return *address;
}

unsigned netmask_prefix(const Node& node, const std::string& text) {
  const auto mask = parse_inet(text);
  if (!mask || mask->v6) fail_route("'", text, "' is no netmask");
  unsigned prefix = 0;
  while (prefix < 32 && (mask->bytes[prefix / 8] & 0x80u >> prefix % 8) != 0) ++prefix;
  if (!(network_of(*mask, prefix) == *mask)) fail_route("'", text, "' is no netmask");
  if (node.attribute("prefix")) fail_route("both 'netmask' and 'prefix' are given");
  return prefix;
}

}  // namespace

IpAddress parse_ip(const Node& node) {
  const auto text = node.attribute("address");
  if (!text) fail_from(From::Domain, Code::XmlError, "element 'ip' has no attribute 'address'");
  const auto address = parse_inet(*text);
  if (!address || !family_matches(node.attribute_text("family"), *address))
    fail_from(From::Domain, Code::XmlError, "invalid address '", *text, "' in element 'ip'");
  IpAddress ip{.address = format_inet(*address), .family = address->v6 ? "ipv6" : "ipv4"};
  if (const auto prefix = node.attribute("prefix")) {
    ip.prefix = parse_number<unsigned>(*prefix);
    if (!ip.prefix || *ip.prefix > address->bits())
      fail_from(From::Domain, Code::XmlError, "invalid prefix '", *prefix, "' in element 'ip'");
    if (*ip.prefix == 0) ip.prefix.reset();
  }
  if (const auto peer = node.attribute("peer")) {
    const auto peer_address = parse_inet(*peer);
    if (!peer_address || peer_address->v6 != address->v6)
      fail_from(From::Domain, Code::InvalidArg, "invalid peer '", *peer, "' in element 'ip'");
    ip.peer = format_inet(*peer_address);
  }
  return ip;
}

Route parse_route(const Node& node) {
  Route route{.family = node.attribute_text("family")};
  if (!route.family.empty() && route.family != "ipv4" && route.family != "ipv6")
    fail_route("unknown family '", route.family, "'");
  const InetAddress address = route_address(node, "address", route.family);
  route.address = format_inet(address);
  if (const auto netmask = node.attribute("netmask")) {
    route.prefix = netmask_prefix(node, *netmask);
    route.netmask = format_inet(*parse_inet(*netmask));
  }
  if (const auto prefix = node.attribute("prefix")) {
    route.prefix = parse_number<unsigned>(*prefix);
    if (!route.prefix || *route.prefix > address.bits())
      fail_route("invalid prefix '", *prefix, "', it must be 0 to ", address.bits());
  }
  // Without a prefix only the default route, 0.0.0.0 or ::, is a network address.
  if (!(network_of(address, route.prefix.value_or(0)) == address))
    fail_route("'", route.address, "' is not a network address");
  route.gateway = format_inet(route_address(node, "gateway", route.family));
  route.metric = unsigned_attribute(node, "metric");
  if (route.metric == 0u) fail_attribute_value(node, "metric", "0");
  return route;
}

}  // namespace domain_xml
