// The typed parameters of an interface (domiftune): names and units are those of libvirt-domain.h.
#pragma once

#include "domain-xml/definition.hpp"
#include "driver/parameters.hpp"

namespace driver {

/// All seven; 0 for what has no limit.
Parameters bandwidth_parameters(const domain_xml::Interface& interface);

/// A direction of which something is said is replaced as a whole; one whose average (or floor) is 0 is limited no more.
/// Throws InvalidArg naming the parameter, ConfigUnsupported for a floor outside a network.
void change_bandwidth(domain_xml::Interface& interface, const Parameters& parameters);

}  // namespace driver
