#include "domain-xml/controllers.hpp"

#include <algorithm>

#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

std::string* attribute(Element& element, std::string_view name) {
  for (auto& [key, value] : element.attributes)
    if (key == name) return &value;
  return nullptr;
}

bool is_controller(const Element& element) {
  return element.name == "controller";
}

bool has_controller(std::vector<Element>& devices, const std::string& type, unsigned index) {
  return std::any_of(devices.begin(), devices.end(), [&](Element& element) {
    if (!is_controller(element)) return false;
    const std::string *of_type = attribute(element, "type"), *number = attribute(element, "index");
    return of_type != nullptr && *of_type == type && number != nullptr && *number == std::to_string(index);
  });
}

/// The type comes first and the index second, whatever else is there.
void number_controllers(std::vector<Element>& devices) {
  for (Element& element : devices) {
    if (!is_controller(element) || attribute(element, "index") != nullptr || element.attributes.empty()) continue;
    unsigned index = 0;
    while (has_controller(devices, element.attributes.front().second, index)) ++index;
    element.attributes.insert(element.attributes.begin() + 1, {"index", std::to_string(index)});
  }
}

/// Controllers 0 to `last` of a type.
void need(std::vector<Element>& devices, const std::string& type, unsigned last) {
  constexpr unsigned kMaxControllers = 256;  // an address may name any number; nobody has this many
  for (unsigned index = 0; index <= std::min(last, kMaxControllers); ++index) {
    if (has_controller(devices, type, index)) continue;
    devices.push_back({.name = "controller", .attributes = {{"type", type}, {"index", std::to_string(index)}}});
  }
}

bool has_target(const Element& device, std::string_view type) {
  return std::any_of(device.children.begin(), device.children.end(), [&](const Element& child) {
    return child.name == "target" &&
           std::find(child.attributes.begin(), child.attributes.end(),
                     std::pair<std::string, std::string>("type", type)) != child.attributes.end();
  });
}

void need_for_disks(DomainDefinition& definition) {
  for (const char* bus : {"scsi", "ide", "fdc", "sata"})
    for (const Disk& disk : definition.disks)
      if (disk.bus == bus && disk.address) need(definition.other_devices, bus, disk.address->controller);
}

bool needs_virtio_serial(const DomainDefinition& definition) {
  const auto& consoles = definition.consoles;
  const auto& devices = definition.other_devices;
  return std::any_of(consoles.begin(), consoles.end(), [](const Console& c) { return c.target_type == "virtio"; }) ||
         std::any_of(devices.begin(), devices.end(),
                     [](const Element& device) { return device.name == "channel" && has_target(device, "virtio"); });
}

}  // namespace

void add_controllers(DomainDefinition& definition) {
  auto& devices = definition.other_devices;
  number_controllers(devices);
  need_for_disks(definition);
  if (needs_virtio_serial(definition)) need(devices, "virtio-serial", 0);
  if (std::any_of(devices.begin(), devices.end(), [](const Element& device) { return device.name == "smartcard"; }))
    need(devices, "ccid", 0);
  if (std::any_of(definition.host_devices.begin(), definition.host_devices.end(),
                  [](const HostDevice& device) { return device.type == "scsi"; }))
    need(devices, "scsi", 0);
  std::stable_partition(devices.begin(), devices.end(), is_controller);
}

}  // namespace domain_xml
