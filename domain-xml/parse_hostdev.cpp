#include <charconv>

#include "base/error.hpp"
#include "domain-xml/inet.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

/// Decimal, behind 0x hexadecimal, behind 0 octal, as strtoul(3) has it.
unsigned usb_number(const Node& node, const char* attribute) {
  const std::string text = required_attribute(node, attribute);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const bool octal = !hex && text.starts_with('0');
  const char* const begin = text.data() + (hex ? 2 : 0);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value, hex ? 16 : octal ? 8 : 10);
  if (error != std::errc() || end != text.data() + text.size()) fail_attribute_value(node, attribute, text);
  return value;
}

void parse_usb(const Node& source, HostDevice& device) {
  device.startup_policy = word_attribute(source, "startupPolicy", kStartupPolicies);
  const Node vendor = source.child("vendor"), product = source.child("product"), address = source.child("address");
  if (static_cast<bool>(vendor) != static_cast<bool>(product))
    fail_from(From::Domain, Code::InternalError, "a usb device needs both 'vendor' and 'product'");
  if (vendor) device.usb_product = UsbProduct{usb_number(vendor, "id"), usb_number(product, "id")};
  if (address) device.usb_address = UsbAddress{usb_number(address, "bus"), usb_number(address, "device")};
}

void parse_capability(const Node& node, const Node& source, HostDevice& device) {
  const char* const name = device.type == "storage" ? "block" : device.type == "misc" ? "char" : "interface";
  device.path = source.child(name).text();
  if (device.path.empty())
    fail_from(From::Domain, Code::XmlError, "the source of a host device of type '", device.type, "' needs '", name,
              "'");
  if (device.type != "net") return;
  for (const Node& ip : node.children("ip")) device.ips.push_back(parse_ip(ip));
  for (const Node& route : node.children("route")) device.routes.push_back(parse_route(route));
}

HostDeviceMode parse_mode(const Node& node) {
  const auto text = node.attribute("mode");
  if (!text) return HostDeviceMode::Subsystem;
  const auto mode = find_word(kHostDeviceModes, *text);
  if (!mode) fail_from(From::Domain, Code::ConfigUnsupported, "unknown host device mode '", *text, "'");
  return *mode;
}

}  // namespace

HostDevice parse_host_device(const Node& node, Source origin) {
  HostDevice device{.mode = parse_mode(node), .type = node.attribute_text("type")};
  const bool capability = device.mode == HostDeviceMode::Capabilities;
  if (device.type.empty()) fail_from(From::Domain, Code::XmlError, "a host device needs the attribute 'type'");
  if (!(capability ? contains(kCapabilityTypes, device.type) : contains(kSubsystemTypes, device.type)))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown host device type '", device.type, "'");
  const Node source = node.child("source");
  if (!source) fail_from(From::Domain, Code::XmlError, "a host device needs an element 'source'");
  if (capability) {
    parse_capability(node, source, device);
  } else {
    device.managed = node.attribute_text("managed") == "yes";  // libvirt takes any other word for no
    if (device.type == "usb") parse_usb(source, device);
  }
  const bool stored_source = !capability && device.type != "usb";
  device.others = parse_stored_children(node, !stored_source         ? "hostdev"
                                              : device.type == "pci" ? "hostdev-pci"
                                                                     : "hostdev-other");
  if (stored_source) device.model = node.attribute_text("model");
  if (device.type == "mdev" && device.model.empty()) fail_attribute_missing(node, "model");
  parse_user_alias(node, device.others);
  if (origin == Source::Status) device.alias = driver_alias(node, device.others);
  parse_stored_rest(node, "hostdev/attributes", "attributes", device.others);
  const char* const source_rest = device.type == "usb" ? "hostdev/usb-source" : "";
  parse_stored_rest(source, source_rest, "source-attributes", device.others);
  return device;
}

}  // namespace domain_xml
