// Names with a meaning of their own.
#pragma once

#include <string_view>

namespace domain_xml {

/// Host-side interface names that drivers make up: one left in a definition from an earlier start is not claimed again.
inline bool is_generated_name(std::string_view name) {
  return name.starts_with("vnet") || name.starts_with("macvtap") || name.starts_with("macvlan");
}

/// Of the elements below <lxc:namespace>.
inline constexpr char kLxcNamespace[] = "http://libvirt.org/schemas/domain/lxc/1.0";

/// Of <lxcell:container>, our own. The number changes when a document that was valid would mean something else.
inline constexpr char kExtensionNamespace[] = "urn:lxcell:domain:1.0";

/// Attributes of the interface sources that are only stored, in the order they are printed.
inline constexpr const char* kOtherSourceAttributes[] = {
    "type", "path", "mode", "address", "port", "name", "dev", "switchid", "portid", "portgroupid", "connectionid"};

}  // namespace domain_xml
