// What the firmware says this machine is, from the words the kernel has of it in /sys/class/dmi/id.
#pragma once

#include <string>
#include <vector>

#include "domain-xml/host_sysinfo.hpp"

namespace container {

/// Empty on machines without SMBIOS. `root` replaces "/" in tests.
std::vector<domain_xml::SysinfoSection> read_smbios(const std::string& root = "");

}  // namespace container
