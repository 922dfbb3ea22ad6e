#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

std::optional<Vlan> parse_vlan(const Node& node) {
  if (!node) return std::nullopt;
  Vlan vlan;
  for (const Node& tag : node.children("tag")) {
    const auto id = unsigned_attribute(tag, "id");
    if (!id) fail_attribute_missing(tag, "id");
    if (*id > 4095) fail_from(From::None, Code::XmlError, "vlan tag id ", *id, " is larger than 4095");
    vlan.tags.push_back({*id, word_attribute(tag, "nativeMode", kVlanNativeModes)});
  }
  const auto native = [](const VlanTag& tag) { return !tag.native_mode.empty(); };
  if (std::count_if(vlan.tags.begin(), vlan.tags.end(), native) > 1)
    fail_from(From::None, Code::XmlError, "element 'vlan' has several tags with a native mode");
  if (vlan.tags.empty()) fail_from(From::None, Code::XmlError, "element 'vlan' has no child 'tag'");
  const auto trunk = yes_no_attribute(node, "trunk");
  if (trunk == false && vlan.tags.size() > 1)
    fail_from(From::None, Code::XmlError, "element 'vlan' has several tags and is a trunk, though it says trunk='no'");
  vlan.trunk = trunk.value_or(vlan.tags.size() > 1);
  return vlan;
}

/// Decimal or, behind 0x, hexadecimal.
std::string parameter_number(const Node& parameters, const char* name, const std::string& text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + (hex ? 2 : 0), end, value, hex ? 16 : 10);
  if (error != std::errc() || at != end) fail_attribute_value(parameters, name, text);
  return std::to_string(value);
}

struct PortParameters {
  std::string_view type;
  std::vector<std::string_view> needed, possible;
};

/// Each type has parameters of its own. openvswitch makes its interfaceid up.
void check_parameters(const VirtualPort& port) {
  static const PortParameters kKnown[] = {
      {"802.1Qbg", {"managerid", "typeid", "typeidversion"}, {"instanceid"}},
      {"802.1Qbh", {"profileid"}, {}},
      {"openvswitch", {}, {"interfaceid", "profileid"}},
      {"midonet", {"interfaceid"}, {}},
  };
  for (const PortParameters& known : kKnown) {
    if (known.type != port.type) continue;
    for (const auto name : known.needed)
      if (!port.parameters.contains(std::string(name)))
        fail_from(From::None, Code::XmlError, "a virtualport of type '", port.type, "' needs '", name, "'");
    for (const auto& [name, value] : port.parameters)
      if (std::count(known.needed.begin(), known.needed.end(), name) +
              std::count(known.possible.begin(), known.possible.end(), name) ==
          0)
        fail_from(From::None, Code::XmlError, "a virtualport of type '", port.type, "' has no '", name, "'");
  }
}

std::optional<VirtualPort> parse_virtual_port(const Node& node, TypeMayBeOpen may_be_any) {
  if (!node) return std::nullopt;
  VirtualPort port{.type = node.attribute_text("type")};
  if (port.type.empty() && may_be_any == TypeMayBeOpen::No)
    fail_from(From::None, Code::XmlError, "element 'virtualport' has no type");
  if (!port.type.empty() && !contains(kVirtualPortTypes, port.type))
    fail_from(From::None, Code::ConfigUnsupported, "unknown type '", port.type, "' of element 'virtualport'");
  const Node parameters = node.child("parameters");
  for (const char* name : kVirtualPortParameters) {
    std::string value = parameters.attribute_text(name);
    if (value.empty()) continue;
    const bool is_uuid = std::string_view(name) == "instanceid" || std::string_view(name) == "interfaceid";
    const bool is_number = std::string_view(name).starts_with("typeid") || std::string_view(name) == "managerid";
    if (is_uuid && !base::parse_uuid(value))
      fail_from(From::None, Code::XmlError, "invalid ", name, " '", value, "' of element 'virtualport'");
    if (is_uuid) value = base::format_uuid(*base::parse_uuid(value));
    if (is_number) value = parameter_number(parameters, name, value);
    port.parameters[name] = std::move(value);
  }
  check_parameters(port);
  return port;
}

std::optional<std::uint64_t> rate_number(const Node& node, const char* attribute) {
  const auto text = node.attribute(attribute);
  if (!text) return std::nullopt;
  const auto value = parse_unsigned(*text);
  if (!value) fail_from(From::None, Code::ConfigUnsupported, "invalid bandwidth ", attribute, " '", *text, "'");
  return *value == 0 ? std::nullopt : value;
}

std::optional<BandwidthRate> parse_rate(const Node& bandwidth, const char* direction) {
  const auto nodes = bandwidth.children(direction);
  if (nodes.size() > 1)
    fail_from(From::None, Code::XmlDetail, "element '", direction, "' of a bandwidth can only appear once");
  if (nodes.empty()) return std::nullopt;
  const Node& node = nodes.front();
  const auto average = rate_number(node, "average");
  const auto zero = [&](const char* attribute) { return node.attribute(attribute) && !rate_number(node, attribute); };
  if (!average && zero("average")) return std::nullopt;  // no limit, which is none given
  const BandwidthRate rate{.average = average.value_or(0),
                           .peak = rate_number(node, "peak"),
                           .burst = rate_number(node, "burst"),
                           .floor = rate_number(node, "floor")};
  if (!average && !rate.floor)
    fail_from(From::None, Code::XmlDetail, "element '", direction, "' of a bandwidth needs 'average' or 'floor'");
  if (rate.floor && std::string_view(direction) == "outbound")
    fail_from(From::None, Code::ConfigUnsupported, "a floor is for inbound bandwidth only");
  return rate;
}

std::optional<Bandwidth> parse_bandwidth(const Node& node) {
  const Bandwidth bandwidth{.inbound = parse_rate(node, "inbound"), .outbound = parse_rate(node, "outbound")};
  if (!bandwidth.inbound && !bandwidth.outbound) return std::nullopt;
  return bandwidth;
}

/// Letters, digits and `others`; a parameter with anything else is none.
bool is_filter_text(const std::string& text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           others.find(c) != std::string_view::npos;
  });
}

std::optional<FilterReference> parse_filter(const Node& node) {
  FilterReference reference{.filter = node.attribute_text("filter")};
  if (reference.filter.empty()) return std::nullopt;
  for (const Node& parameter : node.children("parameter")) {
    const auto name = parameter.attribute("name"), value = parameter.attribute("value");
    if (name && value && is_filter_text(*name, "_") && is_filter_text(*value, "_.:"))
      reference.parameters.emplace_back(*name, *value);
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(reference.parameters.begin(), reference.parameters.end(), by_name);
  return reference;
}

}  // namespace

PortSettings parse_port_settings(const Node& node, TypeMayBeOpen open) {
  PortSettings settings{.vlan = parse_vlan(node.child("vlan")),
                        .virtual_port = parse_virtual_port(node.child("virtualport"), open),
                        .bandwidth = parse_bandwidth(node.child("bandwidth"))};
  if (const Node port = node.child("port")) settings.isolated = yes_no_attribute(port, "isolated");
  return settings;
}

void set_port_settings(const PortSettings& settings, Interface& interface) {
  interface.vlan = settings.vlan;
  interface.virtual_port = settings.virtual_port;
  interface.bandwidth = settings.bandwidth;
  interface.port_isolated = settings.isolated;
}

void parse_port(const Node& node, Interface& interface) {
  const bool network = std::holds_alternative<InterfaceNetwork>(interface.source);
  set_port_settings(parse_port_settings(node, network ? TypeMayBeOpen::Yes : TypeMayBeOpen::No), interface);
  interface.filter = parse_filter(node.child("filterref"));
  interface.script = node.child("script").attribute_text("path");
  interface.downscript = node.child("downscript").attribute_text("path");
}

}  // namespace domain_xml
