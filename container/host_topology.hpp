// What the host is made of: for the capabilities document and virNodeGetInfo. Read from sysfs and procfs on each call.
#pragma once

#include <cstdint>
#include <string>

#include "domain-xml/capabilities.hpp"

namespace container {

/// As virNodeInfo: `nodes` * `sockets` * `cores` * `threads` covers every CPU, offline ones included.
struct NodeInfo {
  std::string model;             // the architecture
  std::uint64_t memory_kib = 0;  // sum over NUMA cells
  unsigned cpus = 0;             // online
  unsigned mhz = 0;
  unsigned nodes = 1, sockets = 1, cores = 1, threads = 1;
};

/// `root` replaces "/" in tests. `emulator` is left to the caller.
domain_xml::HostCapabilities read_host_capabilities(const std::string& root = "");
NodeInfo read_node_info(const std::string& root = "");

}  // namespace container
