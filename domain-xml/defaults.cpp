#include "domain-xml/defaults.hpp"

#include <algorithm>

#include "domain-xml/complete_stored.hpp"
#include "domain-xml/controllers.hpp"
#include "domain-xml/mac.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

/// Open vSwitch knows a port by an id of its own; without a type the network decides whether it needs one.
void complete_interface(Interface& interface) {
  if (interface.mac == MacAddress{}) interface.mac = random_mac();
  if (!interface.virtual_port) return;
  const std::string& type = interface.virtual_port->type;
  auto& parameters = interface.virtual_port->parameters;
  const auto make_up = [&](const char* name) {
    if (!parameters.contains(name)) parameters[name] = base::format_uuid(base::Uuid::random());
  };
  if (type == "openvswitch" || type.empty()) make_up("interfaceid");
  if (type.empty()) make_up("instanceid");
}

/// A label without a model is the host's; where the host has none, "none" is all that can be said.
void complete_label(SecurityLabel& label, const std::string& host_model) {
  if (label.model.empty()) label.model = host_model;
  if (label.model == "none") label = {.type = SecurityLabelType::None, .model = "none"};
}

Element& target_of(Element& device) {
  auto& children = device.children;
  const auto named = [&](const char* name) {
    return std::find_if(children.begin(), children.end(), [&](const Element& child) { return child.name == name; });
  };
  if (const auto target = named("target"); target != children.end()) return *target;
  const auto alias = named("alias");
  return *children.insert(alias != children.end() ? alias : named("address"),
                          Element{.name = "target"});  // where it is printed
}

std::string* port_of(Element& device) {
  for (auto& [name, value] : target_of(device).attributes)
    if (name == "port") return &value;
  return nullptr;
}

/// A parallel port without a number has that of its place.
void number_parallel_ports(std::vector<Element>& devices) {
  unsigned place = 0;
  for (Element& device : devices) {
    if (device.name != "parallel") continue;
    if (port_of(device) == nullptr) target_of(device).attributes.emplace_back("port", std::to_string(place));
    ++place;
  }
}

/// Gives ports without a number those behind the highest.
void number_ports(std::vector<Element>& devices, std::string_view kind) {
  unsigned next = 0;
  for (Element& device : devices) {
    if (device.name != kind) continue;
    if (const std::string* port = port_of(device)) next = std::max(next, parse_number<unsigned>(*port).value_or(0) + 1);
  }
  for (Element& device : devices)
    if (device.name == kind && port_of(device) == nullptr)
      target_of(device).attributes.emplace_back("port", std::to_string(next++));
}

}  // namespace

void apply_defaults(DomainDefinition& definition, const DefaultsContext& context) {
  if (definition.os.arch.empty()) definition.os.arch = context.host_arch;
  if (definition.emulator.empty()) definition.emulator = context.emulator;
  if (definition.current_memory_kib == 0 || definition.current_memory_kib > definition.memory_kib)
    definition.current_memory_kib = definition.memory_kib;
  for (Filesystem& filesystem : definition.filesystems)
    if (filesystem.access_mode.empty() && !has_stored(filesystem.others, "source"))
      filesystem.access_mode = "passthrough";
  for (Interface& interface : definition.interfaces) complete_interface(interface);
  for (SecurityLabel& label : definition.security_labels) complete_label(label, context.security_model);
  complete_stored(definition);
  add_controllers(definition);
  number_ports(definition.other_devices, "serial");
  number_parallel_ports(definition.other_devices);
}

}  // namespace domain_xml
