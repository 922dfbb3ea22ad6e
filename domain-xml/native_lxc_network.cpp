// lxc.net.N.*: one virtual or physical link of a container.
#include <algorithm>

#include "base/error.hpp"
#include "base/uuid.hpp"
#include "domain-xml/inet.hpp"
#include "domain-xml/mac.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/native_lxc.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

constexpr Word<const char*> kMacvlanModes[] = {
    {"private", "private"}, {"vepa", "vepa"}, {"bridge", "bridge"}, {"passthrough", "passthru"}};

std::string_view name_of(const LxcLine& line) {
  std::string_view key = line.key;
  key.remove_prefix(std::string_view("lxc.net.").size());
  return key.substr(std::min(key.find('.') + 1, key.size()));
}

/// The last line of that name, as LXC takes it.
const LxcLine* find(const LxcNetwork& lines, std::string_view name) {
  const auto found =
      std::find_if(lines.rbegin(), lines.rend(), [&](const LxcLine& line) { return name_of(line) == name; });
  return found == lines.rend() ? nullptr : &*found;
}

std::string value_of(const LxcNetwork& lines, std::string_view name) {
  const LxcLine* line = find(lines, name);
  return line == nullptr ? std::string() : line->value;
}

/// "00:16:3e:xx:xx:xx": every x is a random digit.
MacAddress parse_hwaddr(const LxcLine& line) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto random = base::Uuid::random().bytes;
  std::string text = line.value;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == 'x' || text[i] == 'X') text[i] = kHex[random[i % 6] & 15];
  auto mac = parse_mac(text);
  const bool made_up = line.value.size() > 1 && (line.value[1] | 0x20) == 'x';
  if (mac && made_up) mac->bytes[0] &= 0xfe;
  if (!mac || (mac->bytes[0] & 1) != 0 || *mac == MacAddress{})
    fail(Code::InvalidArg, line.origin, ": a unicast MAC address is needed");
  return *mac;
}

/// "ADDRESS[/PREFIX] [BROADCAST]"
IpAddress parse_address(Conversion& conversion, const LxcLine& line, bool v6) {
  auto words = split_blanks(line.value);
  if (words.empty()) words.emplace_back();
  const auto slash = words[0].find('/');
  const auto address = parse_inet(words[0].substr(0, slash));
  if (!address || address->v6 != v6)
    fail(Code::InvalidArg, line.origin, ": an ", v6 ? "IPv6" : "IPv4", " address is needed, such as ",
         v6 ? "fd00::2/64" : "192.0.2.2/24");
  IpAddress ip{.address = format_inet(*address), .family = v6 ? "ipv6" : "ipv4"};
  if (slash != std::string::npos) {
    ip.prefix = parse_number<unsigned>(words[0].substr(slash + 1));
    if (!ip.prefix || *ip.prefix > address->bits() || *ip.prefix == 0)
      fail(Code::InvalidArg, line.origin, ": the prefix must be 1 to ", address->bits());
  }
  if (words.size() > 1) conversion.skip(line.origin + ": broadcast address", "the kernel's own is taken");
  return ip;
}

std::optional<Route> parse_gateway(Conversion& conversion, const LxcLine& line, bool v6) {
  if (line.value == "auto" || line.value == "dev") {
    conversion.skip(line.origin, "a gateway must be an address");
    return std::nullopt;
  }
  const auto gateway = parse_inet(line.value);
  if (!gateway || gateway->v6 != v6)
    fail(Code::InvalidArg, line.origin, ": an ", v6 ? "IPv6" : "IPv4", " address is needed");
  return Route{.family = v6 ? "ipv6" : "ipv4", .address = v6 ? "::" : "0.0.0.0", .gateway = format_inet(*gateway)};
}

/// Addresses and routes, which links of every kind have; what else a line may say is given to `other`.
template <typename Target, typename Other>
void read_network(Conversion& conversion, const LxcNetwork& lines, Target& target, const Other& other) {
  for (const LxcLine& line : lines) {
    const auto name = name_of(line);
    if (name == "type" || name == "link") continue;
    if (name == "ipv4.address" || name == "ipv6.address") {
      target.ips.push_back(parse_address(conversion, line, name.starts_with("ipv6")));
    } else if (name == "ipv4.gateway" || name == "ipv6.gateway") {
      if (auto route = parse_gateway(conversion, line, name.starts_with("ipv6"))) target.routes.push_back(*route);
    } else if (!other(name, line)) {
      conversion.skip(line.origin);
    }
  }
}

std::string required_link(const LxcNetwork& lines, const LxcLine& type) {
  const std::string link = value_of(lines, "link");
  if (link.empty()) fail(Code::ConfigUnsupported, type.origin, ": the network needs a link");
  return link;
}

unsigned parse_link_mtu(const LxcLine& line) {
  const auto mtu = parse_number<unsigned>(line.value);
  if (!mtu || *mtu == 0) fail(Code::InvalidArg, line.origin, ": a size in bytes is needed");
  return *mtu;
}

void add_interface(Conversion& conversion, const LxcNetwork& lines, Interface interface) {
  const bool veth = !std::holds_alternative<InterfaceDirect>(interface.source);
  read_network(conversion, lines, interface, [&](std::string_view name, const LxcLine& line) {
    if (name == "flags") {
      if (line.value != "up") fail(Code::InvalidArg, line.origin, ": the only flag is 'up'");
      interface.link_up = true;
    } else if (name == "hwaddr") {
      interface.mac = parse_hwaddr(line);
    } else if (name == "mtu") {
      interface.mtu = parse_link_mtu(line);
    } else if (name == "name") {
      interface.guest_dev = line.value;
    } else if (name == "veth.pair" && veth && !is_generated_name(line.value)) {
      interface.target_dev = line.value;
    } else {
      const bool said_by_source = (name == "veth.mode" && line.value == "bridge") || name == "macvlan.mode";
      return said_by_source;
    }
    return true;
  });
  conversion.definition.interfaces.push_back(std::move(interface));
}

void add_macvlan(Conversion& conversion, const LxcNetwork& lines, const LxcLine& type) {
  InterfaceDirect direct{.dev = required_link(lines, type), .mode = "private"};
  if (const LxcLine* mode = find(lines, "macvlan.mode")) {
    const auto known = find_word(kMacvlanModes, mode->value);
    if (!known) fail(Code::InvalidArg, mode->origin, ": must be private, vepa, bridge or passthru");
    direct.mode = *known;
  }
  add_interface(conversion, lines, {.source = direct});
}

void add_host_link(Conversion& conversion, const LxcNetwork& lines, const std::string& device) {
  HostDevice link{.mode = HostDeviceMode::Capabilities, .type = "net", .path = device};
  const auto& known = conversion.definition.host_devices;
  if (std::any_of(known.begin(), known.end(), [&](const HostDevice& other) { return other.path == device; }))
    fail(Code::ConfigUnsupported, lines.front().origin, ": the device '", device, "' is given twice");
  read_network(conversion, lines, link, [](std::string_view name, const LxcLine&) { return name == "vlan.id"; });
  conversion.definition.host_devices.push_back(std::move(link));
}

/// LXC makes the VLAN's link, a definition can only take one that is there: as stock, under its usual name.
void add_vlan(Conversion& conversion, const LxcNetwork& lines, const LxcLine& type) {
  const LxcLine* id = find(lines, "vlan.id");
  if (id == nullptr) fail(Code::ConfigUnsupported, type.origin, ": the network needs a vlan.id");
  const auto number = parse_number<unsigned>(id->value);
  if (!number || *number > 4094) fail(Code::InvalidArg, id->origin, ": must be in range 0 to 4094");
  const std::string device = required_link(lines, type) + "." + std::to_string(*number);
  conversion.skip(id->origin, "the device '" + device + "' is taken and must be there");
  add_host_link(conversion, lines, device);
}

}  // namespace

NetworkNamespace add_lxc_network(Conversion& conversion, const LxcNetwork& lines) {
  const LxcLine* type = find(lines, "type");
  if (type == nullptr) fail(Code::ConfigUnsupported, lines.front().origin, ": the network has no type");
  if (type->value == "veth") {
    const std::string bridge = value_of(lines, "link");
    if (bridge.empty())
      add_interface(conversion, lines, {.source = InterfaceEthernet{}});
    else
      add_interface(conversion, lines, {.source = InterfaceBridge{.bridge = bridge}});
  } else if (type->value == "macvlan") {
    add_macvlan(conversion, lines, *type);
  } else if (type->value == "phys") {
    add_host_link(conversion, lines, required_link(lines, *type));
  } else if (type->value == "vlan") {
    add_vlan(conversion, lines, *type);
  } else if (type->value == "none" || type->value == "empty" || type->value == "ipvlan") {
    if (type->value == "ipvlan") conversion.skip(type->origin, "no such interface can be made");
    for (const LxcLine& line : lines)
      if (name_of(line) != "type" && !(name_of(line) == "flags" && type->value == "empty"))
        conversion.skip(line.origin);
  } else {
    fail(Code::InvalidArg, type->origin, ": no such type of network");
  }
  return type->value == "none" ? NetworkNamespace::Host : NetworkNamespace::Own;
}

}  // namespace domain_xml
