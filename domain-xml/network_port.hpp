// A port of one of libvirt's networks: what we ask the network's driver for, and what its answer makes of an interface.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// The `<networkport>` document for an interface of type 'network' that has a port id. Throws std::bad_variant_access
/// for others.
std::string format_network_port(const DomainDefinition& owner, const Interface& interface);

/// The interface as it runs, by the port's document: a bridge, a device to put a macvlan on or a PCI device instead of
/// the network, and the vlan, virtualport, bandwidth and isolation of the port. Throws ConfigUnsupported for ports that
/// a container cannot use and InternalError for a document that says nothing of where to go.
Interface resolve_interface(const Interface& interface, std::string_view port_xml);

/// The uuid of the domain that the document of a port or of a filter binding names as its owner.
std::optional<base::Uuid> owner_of(std::string_view xml);

}  // namespace domain_xml
