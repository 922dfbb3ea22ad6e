// The host's SMBIOS words as the <sysinfo> document of virConnectGetSysinfo.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace domain_xml {

/// One section ("bios", "system", "baseBoard", "chassis") with its entries by libvirt's names, in order.
struct SysinfoSection {
  std::string name;
  std::vector<std::pair<std::string, std::string>> entries;
  bool operator==(const SysinfoSection&) const = default;
};

/// Sections without entries are left out, as are values that XML cannot hold.
std::string format_host_sysinfo(const std::vector<SysinfoSection>& sections);

}  // namespace domain_xml
