// What libvirt's network filter driver is told of an interface it shall guard.
#pragma once

#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// The `<filterbinding>` document for an interface with a filter and the end of it on the host, e.g. "vnet0".
std::string format_filter_binding(const DomainDefinition& owner, const Interface& interface,
                                  const std::string& host_end);

}  // namespace domain_xml
