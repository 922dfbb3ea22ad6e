#include "domain-xml/device.hpp"

#include <algorithm>

#include "base/cpu_share.hpp"
#include "base/error.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

constexpr char kSourceName[] = "(device_definition)";

bool is_other_device(std::string_view kind) {
  const auto stored = stored_children("devices");
  if (std::find(stored.begin(), stored.end(), kind) != stored.end()) return true;
  return kind == "input" || kind == "redirdev" || kind == "memory";
}

/// `device` inside the smallest definition, completed there.
template <typename Kind>
void complete(std::vector<Kind> DomainDefinition::*list, Kind& device, const DefaultsContext& context) {
  DomainDefinition definition;
  (definition.*list).push_back(std::move(device));
  apply_defaults(definition, context);
  device = std::move((definition.*list).front());
}

struct Completion {
  const DefaultsContext& context;
  void operator()(OtherDevice&) const {}
  void operator()(Console&) const {}
  void operator()(Disk& disk) const { complete(&DomainDefinition::disks, disk, context); }
  void operator()(Filesystem& filesystem) const { complete(&DomainDefinition::filesystems, filesystem, context); }
  void operator()(Interface& interface) const { complete(&DomainDefinition::interfaces, interface, context); }
  void operator()(HostDevice& device) const { complete(&DomainDefinition::host_devices, device, context); }
};

std::string user_alias(const std::vector<Element>& others) {
  for (const Element& element : others)
    if (element.name == "alias" && !element.attributes.empty()) return element.attributes.front().second;
  return {};
}

struct AliasOf {
  std::string operator()(const OtherDevice&) const { return {}; }
  std::string operator()(const Console& console) const { return console.alias; }
  template <typename Kind>
  std::string operator()(const Kind& device) const {
    return device.alias.empty() ? user_alias(device.others) : device.alias;
  }
};

/// The alias that a client copied from a running domain tells which of its devices is meant.
Interface parse_wanted_interface(const Node& node) {
  Interface interface = parse_interface(node, Source::Config);
  interface.alias = driver_alias(node, interface.others);
  return interface;
}

/// A client tells which it means by its number, as the port of its target or in the alias it runs with.
Console parse_wanted_console(const Node& node) {
  Console console = parse_console(node, Source::Config);
  console.alias = node.child("alias").attribute_text("name");
  const std::string port = node.child("target").attribute_text("port");
  if (console.alias.empty() && !port.empty()) console.alias = console_alias(parse_number<unsigned>(port).value_or(0));
  return console;
}

struct KindOf {
  std::string operator()(const OtherDevice& device) const { return device.kind; }
  std::string operator()(const Disk&) const { return "disk"; }
  std::string operator()(const Filesystem&) const { return "filesystem"; }
  std::string operator()(const Interface&) const { return "interface"; }
  std::string operator()(const HostDevice&) const { return "hostdev"; }
  std::string operator()(const Console&) const { return "console"; }
};

}  // namespace

Device parse_device(std::string_view xml) {
  const base::LowerShare share(xml.size());
  const Document document(xml, kSourceName);
  const Node node = document.root();
  const std::string kind = node.name();
  if (kind == "disk") return parse_disk(node, Source::Config);
  if (kind == "filesystem") return parse_filesystem(node, Source::Config);
  if (kind == "interface") return parse_wanted_interface(node);
  if (kind == "hostdev") return parse_host_device(node, Source::Config);
  if (kind == "console") return parse_wanted_console(node);
  if (!is_other_device(kind)) fail_from(From::Domain, Code::ConfigUnsupported, "unknown device type '", kind, "'");
  return OtherDevice{kind};
}

void apply_defaults(Device& device, const DefaultsContext& context) {
  std::visit(Completion{context}, device);
}

std::string console_alias(std::size_t number) {
  return "console" + std::to_string(number);
}

std::string device_kind(const Device& device) {
  return std::visit(KindOf{}, device);
}

std::string alias_of(const Device& device) {
  return std::visit(AliasOf{}, device);
}

}  // namespace domain_xml
