#include "domain-xml/controllers.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

constexpr unsigned kMaxControllers = 256;  // an address may name any number; nobody has this many

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
  std::map<std::string, std::set<unsigned>> used;
  std::map<std::string, unsigned> next;
  for (Element& element : devices)
    if (const std::string* index = is_controller(element) ? attribute(element, "index") : nullptr)
      used[element.attributes.front().second].insert(parse_number<unsigned>(*index).value_or(0));
  for (Element& element : devices) {
    if (!is_controller(element) || attribute(element, "index") != nullptr || element.attributes.empty()) continue;
    const std::string type = element.attributes.front().second;
    unsigned& index = next[type];
    while (!used[type].insert(index).second) ++index;
    element.attributes.insert(element.attributes.begin() + 1, {"index", std::to_string(index)});
  }
}

/// The controller that the address among `children` names, or number 0.
unsigned addressed_controller(std::vector<Element> children) {
  for (Element& child : children)
    if (child.name == "address")
      if (const std::string* const index = attribute(child, "controller"))
        return parse_number<unsigned>(*index).value_or(0);
  return 0;
}

/// Controllers 0 to `last` of a type.
void need(std::vector<Element>& devices, const std::string& type, unsigned last) {
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
  for (const char* bus : {"scsi", "ide", "fdc", "sata"}) {
    std::optional<unsigned> last;
    for (const Disk& disk : definition.disks)
      if (disk.bus == bus && disk.address) last = std::max(last.value_or(0), disk.address->controller);
    if (last) need(definition.other_devices, bus, *last);
  }
}

void need_for_ports(DomainDefinition& definition) {
  auto& devices = definition.other_devices;
  std::set<std::pair<std::string, unsigned>> needed;
  for (const Element& device : devices) {
    if (device.name == "channel" && has_target(device, "virtio"))
      needed.emplace("virtio-serial", addressed_controller(device.children));
    if (device.name == "smartcard") needed.emplace("ccid", addressed_controller(device.children));
  }
  for (const Console& console : definition.consoles)
    if (console.target_type == "virtio") needed.emplace("virtio-serial", addressed_controller(console.others));
  std::size_t made = 0;
  for (const auto& [type, index] : needed)
    if (made < kMaxControllers && !has_controller(devices, type, index)) {
      devices.push_back({.name = "controller", .attributes = {{"type", type}, {"index", std::to_string(index)}}});
      ++made;
    }
}

}  // namespace

void add_controllers(DomainDefinition& definition) {
  auto& devices = definition.other_devices;
  number_controllers(devices);
  need_for_disks(definition);
  need_for_ports(definition);
  if (std::any_of(definition.host_devices.begin(), definition.host_devices.end(),
                  [](const HostDevice& device) { return device.type == "scsi"; }))
    need(devices, "scsi", 0);
  std::stable_partition(devices.begin(), devices.end(), is_controller);
}

}  // namespace domain_xml
