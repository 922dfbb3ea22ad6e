// One network interface: where its host end goes, its identity, and what is set up inside the container.
#include <strings.h>

#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/inet.hpp"
#include "domain-xml/mac.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

Node required_source(const Node& node, const std::string& type) {
  const Node source = node.child("source");
  if (!source) fail_from(From::Domain, Code::XmlError, "an interface of type '", type, "' needs an element 'source'");
  return source;
}

[[noreturn]] void fail_source(const std::string& type, const char* attribute) {
  fail_from(From::Domain, Code::XmlError, "the source of an interface of type '", type, "' needs the attribute '",
            attribute, "'");
}

void refuse_host_addresses(const Node& source, const std::string& type) {
  if (source.child("ip") || source.child("route"))
    fail_from(From::Domain, Code::ConfigUnsupported, "addresses and routes of the host's end in 'source' are for ",
              "interfaces of type 'ethernet' only, not '", type, "'");
}

InterfaceNetwork parse_network(const Node& source, Source origin) {
  return {source.attribute_text("network"), source.attribute_text("portgroup"),
          origin == Source::Status ? source.attribute_text("portid") : ""};
}

InterfaceBridge parse_bridge(const Node& source, Source origin) {
  const InterfaceNetwork from = parse_network(source, origin);
  return {source.attribute_text("bridge"), from.network, from.portgroup, from.port_id};
}

InterfaceDirect parse_direct(const Node& source, Source origin) {
  const InterfaceNetwork from = parse_network(source, origin);
  InterfaceDirect direct{.dev = source.attribute_text("dev"),
                         .network = from.network,
                         .portgroup = from.portgroup,
                         .port_id = from.port_id};
  if (const std::string mode = word_attribute(source, "mode", kDirectModes); !mode.empty()) direct.mode = mode;
  return direct;
}

InterfaceEthernet parse_ethernet(const Node& source) {
  InterfaceEthernet ethernet;
  for (const Node& ip : source.children("ip")) ethernet.host_ips.push_back(parse_ip(ip));
  for (const Node& route : source.children("route")) ethernet.host_routes.push_back(parse_route(route));
  return ethernet;
}

InterfaceHostDevice parse_host_device_source(const Node& source, Source origin) {
  const InterfaceNetwork from = parse_network(source, origin);
  InterfaceHostDevice device{.network = from.network, .portgroup = from.portgroup, .port_id = from.port_id};
  for (Element& child : parse_stored_children(source, "interface/source"))
    if (child.name == "address") device.address = std::move(child);
  return device;
}

constexpr std::pair<const char*, const char*> kRequired[] = {
    {"server", "port"}, {"client", "port"}, {"client", "address"}, {"mcast", "port"}, {"mcast", "address"},
    {"udp", "port"},    {"udp", "address"}, {"internal", "name"},  {"vdpa", "dev"},   {"vhostuser", "path"},
};

InterfaceOther parse_other(const Node& node, const std::string& type) {
  InterfaceOther other{.type = type};
  const Node source = node.child("source");
  for (const auto& [of_type, attribute] : kRequired)
    if (type == of_type && source.attribute_text(attribute).empty()) fail_source(type, attribute);
  if (type == "udp" && !source.child("local"))
    fail_from(From::Domain, Code::XmlError, "the source of an interface of type 'udp' needs a child 'local'");
  if (type == "user" || type == "null") return other;
  for (const char* name : kOtherSourceAttributes)
    if (auto value = source.attribute_text(name); !value.empty()) other.source[name] = std::move(value);
  other.source_children = parse_stored_children(source, "interface/source");
  return other;
}

/// A running domain shows what a network was resolved to; in a definition that means the network itself.
bool resolved_from_network(const Node& node, const std::string& type) {
  return (type == "bridge" || type == "direct" || type == "hostdev") &&
         !node.child("source").attribute_text("network").empty();
}

void parse_connection(const Node& node, std::string type, Source origin, Interface& interface) {
  if (type != "ethernet") refuse_host_addresses(node.child("source"), type);
  if (origin == Source::Config && resolved_from_network(node, type)) type = "network";
  if (type == "bridge") {
    interface.source = parse_bridge(required_source(node, type), origin);
    if (node.child("source").attribute_text("bridge").empty()) fail_source(type, "bridge");
  } else if (type == "network" && origin == Source::Status && node.child("source").attribute("bridge")) {
    InterfaceBridge bridge = parse_bridge(node.child("source"), origin);
    bridge.networks_own = true;
    interface.source = bridge;
  } else if (type == "network") {
    interface.source = parse_network(required_source(node, type), origin);
  } else if (type == "direct") {
    interface.source = parse_direct(required_source(node, type), origin);
    if (node.child("source").attribute_text("dev").empty()) fail_source(type, "dev");
  } else if (type == "ethernet") {
    interface.source = parse_ethernet(node.child("source"));
  } else if (type == "hostdev") {
    interface.source = parse_host_device_source(node.child("source"), origin);
  } else {
    interface.source = parse_other(node, type);
  }
}

void parse_mac_element(const Node& mac, Interface& interface) {
  const auto text = mac.attribute("address");
  if (!text) return;
  const auto address = parse_mac(*text);
  if (!address) fail_from(From::Domain, Code::XmlError, "'", *text, "' is no MAC address");
  if ((address->bytes[0] & 1) != 0)
    fail_from(From::Domain, Code::XmlError, "a unicast MAC address is needed, '", *text, "' is multicast");
  static constexpr const char* kMacTypes[] = {"generated", "static"};
  interface.mac = *address;
  interface.mac_type = word_attribute(mac, "type", kMacTypes);
  static constexpr const char* kYesNo[] = {"yes", "no"};
  interface.mac_check = word_attribute(mac, "check", kYesNo);
}

void parse_names(const Node& node, Source origin, Interface& interface) {
  interface.target_dev = node.child("target").attribute_text("dev");
  if (origin == Source::Config && is_generated_name(interface.target_dev)) interface.target_dev.clear();
  interface.guest_dev = node.child("guest").attribute_text("dev");
  interface.guest_dev_actual = node.child("guest").attribute_text("actual");
  if (origin == Source::Status) return;
  if (interface.guest_dev == interface.guest_dev_actual) interface.guest_dev.clear();  // made up at an earlier start
  interface.guest_dev_actual.clear();
}

std::optional<bool> parse_link(const Node& link) {
  const auto state = link.attribute("state");
  if (!state) return std::nullopt;
  if (*state == "up") return true;
  if (*state != "down") fail_from(From::Domain, Code::ConfigUnsupported, "unknown interface link state '", *state, "'");
  return false;
}

std::optional<unsigned> parse_mtu(const Node& mtu) {
  const auto size = mtu.attribute("size");
  if (!size) return std::nullopt;
  const auto bytes = parse_number<unsigned>(*size);
  if (!bytes) fail_from(From::Domain, Code::XmlError, "malformed mtu size '", *size, "'");
  return *bytes == 0 ? std::nullopt : bytes;
}

std::string parse_model(const Node& model) {
  const auto type = model.attribute("type");
  if (!type) return {};
  const auto* known = std::find_if(std::begin(kNicModels), std::end(kNicModels),
                                   [&](const char* name) { return ::strcasecmp(name, type->c_str()) == 0; });
  if (known == std::end(kNicModels))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown net model '", *type, "'");
  return *known;
}

}  // namespace

namespace {

/// Driver and vhost device are of virtio cards only.
void drop_driver(std::vector<Element>& others) {
  std::erase_if(others, [](const Element& element) { return element.name == "driver"; });
  for (Element& element : others)
    if (element.name == "backend")
      std::erase_if(element.attributes, [](const auto& attribute) { return attribute.first == "vhost"; });
  std::erase_if(others, [](const Element& element) { return element.name == "backend" && element.attributes.empty(); });
}

}  // namespace

Interface parse_interface(const Node& node, Source origin) {
  Interface interface;
  std::string type = word_attribute(node, "type", kInterfaceTypes);
  if (type.empty()) type = "user";
  parse_connection(node, type, origin, interface);
  parse_mac_element(node.child("mac"), interface);
  parse_names(node, origin, interface);
  interface.link_up = parse_link(node.child("link"));
  interface.mtu = parse_mtu(node.child("mtu"));
  interface.model = parse_model(node.child("model"));
  for (const Node& ip : node.children("ip")) interface.ips.push_back(parse_ip(ip));
  for (const Node& route : node.children("route")) interface.routes.push_back(parse_route(route));
  parse_port(node, interface);
  if (const Node configured = node.child("configured"); configured && origin == Source::Status) {
    interface.configured_port = parse_port_settings(configured, TypeMayBeOpen::Yes);
    interface.configured_port->mtu = parse_mtu(configured.child("mtu"));
  }
  interface.others = parse_stored_children(node, "interface");
  parse_user_alias(node, interface.others);
  if (origin == Source::Status) interface.alias = driver_alias(node, interface.others);
  if (interface.model != "virtio") drop_driver(interface.others);
  parse_stored_rest(node, type == "hostdev" ? "interface/hostdev-attributes" : "interface/attributes", "attributes",
                    interface.others);
  if (!interface.target_dev.empty())
    parse_stored_rest(node.child("target"), "interface/target", "target", interface.others);
  return interface;
}

}  // namespace domain_xml
