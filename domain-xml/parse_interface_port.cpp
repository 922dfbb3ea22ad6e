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
  if (vlan.tags.empty()) fail_from(From::None, Code::XmlError, "element 'vlan' has no child 'tag'");
  const auto trunk = yes_no_attribute(node, "trunk");
  if (trunk == false && vlan.tags.size() > 1)
    fail_from(From::None, Code::XmlError, "element 'vlan' has several tags and is a trunk, though it says trunk='no'");
  vlan.trunk = trunk.value_or(vlan.tags.size() > 1);
  return vlan;
}

std::optional<VirtualPort> parse_virtual_port(const Node& node) {
  if (!node) return std::nullopt;
  VirtualPort port{.type = node.attribute_text("type")};
  if (port.type.empty()) fail_from(From::None, Code::XmlError, "element 'virtualport' has no type");
  if (!contains(kVirtualPortTypes, port.type))
    fail_from(From::None, Code::XmlError, "unknown type '", port.type, "' of element 'virtualport'");
  const Node parameters = node.child("parameters");
  for (const char* name : kVirtualPortParameters) {
    std::string value = parameters.attribute_text(name);
    if (value.empty()) continue;
    const bool is_uuid = std::string_view(name) == "instanceid" || std::string_view(name) == "interfaceid";
    if (is_uuid && !base::parse_uuid(value))
      fail_from(From::None, Code::XmlError, "invalid ", name, " '", value, "' of element 'virtualport'");
    port.parameters[name] = std::move(value);
  }
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

std::optional<FilterReference> parse_filter(const Node& node) {
  FilterReference reference{.filter = node.attribute_text("filter")};
  if (reference.filter.empty()) return std::nullopt;
  for (const Node& parameter : node.children("parameter")) {
    const auto name = parameter.attribute("name"), value = parameter.attribute("value");
    if (name && value) reference.parameters.emplace_back(*name, *value);
  }
  return reference;
}

}  // namespace

void parse_port(const Node& node, Interface& interface) {
  interface.vlan = parse_vlan(node.child("vlan"));
  interface.virtual_port = parse_virtual_port(node.child("virtualport"));
  interface.bandwidth = parse_bandwidth(node.child("bandwidth"));
  if (const Node port = node.child("port")) interface.port_isolated = yes_no_attribute(port, "isolated");
  interface.filter = parse_filter(node.child("filterref"));
  interface.script = node.child("script").attribute_text("path");
  interface.downscript = node.child("downscript").attribute_text("path");
}

}  // namespace domain_xml
