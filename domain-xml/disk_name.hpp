// What a disk's target name says: the bus and the disk's number on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// "sdb" -> 1, "vdaa" -> 26; a partition's number behind the letters is ignored. nullopt for a name libvirt does not
/// know.
std::optional<unsigned> disk_index(std::string_view name);
/// "sd" -> scsi, "vd" -> virtio and so on; "ide" for anything else.
std::string disk_bus(std::string_view name);
/// Where disk number `index` hangs, for the buses that have such addresses.
std::optional<DriveAddress> drive_address(std::string_view bus, unsigned index);
/// By number; disks of equal number stay in the order given, which is libvirt's order too.
void sort_disks(std::vector<Disk>& disks);

}  // namespace domain_xml
