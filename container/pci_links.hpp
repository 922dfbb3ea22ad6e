// The network device of a PCI device, by what sysfs says.
#pragma once

#include <string>

namespace container {

/// The link of PCI device "0000:03:10.1" in the caller's network namespace (sysfs of another one shows that one's links
/// only); "" if it has none there, such as a card whose driver is not loaded or that a container has. Throws
/// SystemError if there is no such device, ConfigUnsupported if it has several links.
std::string link_of_pci_device(const std::string& address, const std::string& sysfs = "/sys");

}  // namespace container
