// What every source does with a definition once it has one: words for what was kept, notes on what means something else
// here.
#pragma once

#include "domain-xml/native.hpp"
#include "importer/found.hpp"

namespace importer {

/// From another program's format: `conversion` becomes `found`'s XML. A container without a memory limit gets as much
/// as this host has, for a domain needs one.
void take_conversion(Found& found, domain_xml::FromNative conversion);

/// From libvirt's LXC driver: the XML is read and printed again, and each line that does not come back is a loss.
void take_libvirt_xml(Found& found, const std::string& xml);

}  // namespace importer
