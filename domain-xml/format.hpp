// Values to canonical XML: libvirt's element order, two-space indent, single quotes, one final newline.
#pragma once

#include <optional>
#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

enum class View {
  Live,      // what a running domain shows: target dev, console paths and aliases
  Inactive,  // the next boot's definition: no id, no generated names
  Status,    // everything, for our own state files
};

/// `id` is printed on the root element when present (running domains in the Live and Status views).
std::string format_domain(const DomainDefinition& definition, View view, std::optional<int> id = std::nullopt);

std::string format_mac(const MacAddress& mac);

}  // namespace domain_xml
