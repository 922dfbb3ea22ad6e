// One device on its own, as the calls that attach, detach and update devices name it: the same parser, defaults and
// rules as inside a definition.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "domain-xml/defaults.hpp"
#include "domain-xml/definition.hpp"

namespace domain_xml {

/// A device that libvirt knows and no container's definition can gain or lose.
struct OtherDevice {
  std::string kind;  // the element's name
  bool operator==(const OtherDevice&) const = default;
};

using Device = std::variant<OtherDevice, Disk, Filesystem, Interface, HostDevice, Console>;

/// Throws XmlDetail for text that is no XML, ConfigUnsupported for a root element that is no device, and what
/// parse_domain() throws for the device. Nothing is filled in: an interface without a MAC address has one of zeros. Its
/// alias is read, whoever made it up.
Device parse_device(std::string_view xml);

/// Fills in what apply_defaults() of a definition would.
void apply_defaults(Device& device, const DefaultsContext& context);

/// The user's alias, or the one it runs with; "" for none.
std::string alias_of(const Device& device);
/// Of the console with this number: console0 ...
std::string console_alias(std::size_t number);
/// The name of its element.
std::string device_kind(const Device& device);

}  // namespace domain_xml
