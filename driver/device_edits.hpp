// What attaching, detaching and updating a device does to a definition: which device is meant, and what is refused.
// Nothing here touches a container.
#pragma once

#include <string>

#include "domain-xml/definition.hpp"
#include "domain-xml/device.hpp"

namespace driver {

/// Whose definition it is; libvirt's error codes differ.
enum class Form { Config, Live };

/// Adds `device`, all defaults filled in. Throws InvalidArg (Config) or OperationFailed (Live) when there is one like
/// it already, ConfigUnsupported for a kind that cannot be added.
void add_device(domain_xml::DomainDefinition& definition, const domain_xml::Device& device, Form form);

/// Takes out the device that `wanted` describes: interfaces by what is given of MAC, PCI or CCW address and alias, the
/// only one if nothing is; disks and filesystems by their target; host devices by their source; consoles by their
/// number, or the only one like it. Throws DeviceMissing, InvalidArg or OperationFailed when there is none,
/// OperationFailed when several interfaces or consoles fit, ConfigUnsupported for a kind that cannot go.
domain_xml::Device remove_device(domain_xml::DomainDefinition& definition, const domain_xml::Device& wanted, Form form);
/// The same by alias. Throws DeviceMissing.
domain_xml::Device remove_device_by_alias(domain_xml::DomainDefinition& definition, const std::string& alias);

struct DeviceUpdate {
  domain_xml::Device before, after;
};
/// Puts `wanted` in the place of the device it describes. Of a running interface only link state, mtu, bandwidth and
/// the bridge with its port can change, of a filesystem everything but its target: OperationUnsupported names anything
/// else.
DeviceUpdate replace_device(domain_xml::DomainDefinition& definition, const domain_xml::Device& wanted, Form form);

/// The interface with this name on the host or MAC address; nullptr if there is none.
domain_xml::Interface* find_interface(domain_xml::DomainDefinition& definition, const std::string& name_or_mac);
const domain_xml::Interface* find_interface(const domain_xml::DomainDefinition& definition,
                                            const std::string& name_or_mac);

/// Gives devices of a running domain that have none an alias: net0, disk1, hostdev2 ..., above the highest there is.
void assign_aliases(domain_xml::DomainDefinition& live);

}  // namespace driver
