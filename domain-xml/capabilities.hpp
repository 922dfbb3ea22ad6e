// The host's capabilities document (virConnectGetCapabilities) from facts that somebody else has read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/uuid.hpp"

namespace domain_xml {

struct HostCpu {
  unsigned id = 0, socket = 0, die = 0, core = 0;
  std::string siblings;  // list syntax, "0-1"
};

struct HostPages {
  unsigned size_kib = 4;
  std::uint64_t count = 0;
};

struct HostCell {
  unsigned id = 0;
  std::uint64_t memory_kib = 0;
  std::vector<HostPages> pages;
  std::vector<std::pair<unsigned, unsigned>> distances;  // cell id, value
  std::vector<HostCpu> cpus;
};

/// One cache as /sys/devices/system/cpu/cpuN/cache/ shows it.
struct HostCacheBank {
  unsigned id = 0, level = 0;
  std::string type;  // "both", "code" or "data"
  std::uint64_t size_kib = 0;
  std::string cpus;  // list syntax
};

struct HostCapabilities {
  base::Uuid host_uuid;
  std::string arch;
  std::vector<unsigned> page_sizes_kib;
  bool iommu = false;
  std::vector<HostCell> cells;
  std::vector<HostCacheBank> caches;
  std::string security_model = "none", security_doi = "0", security_base_label;
  std::string emulator;
};

/// Layout as stock's, see spec: host, then one guest per offered arch (the host's and its 32-bit sibling).
std::string format_capabilities(const HostCapabilities& capabilities);

/// "x86_64" -> "i686" and so on; empty when there is none.
std::string sibling_arch(const std::string& arch);

}  // namespace domain_xml
