// A domain's figures as clients ask for them: under libvirt's names and units, from one reading of the kernel's files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "container/storage.hpp"
#include "driver/domain.hpp"
#include "rpc/protocol.hpp"

namespace driver {

/// One figure of memory, in KiB but for the faults and the time of the reading.
struct MemoryFigure {
  int tag;          // VIR_DOMAIN_MEMORY_STAT_*
  const char* key;  // behind "balloon." in bulk statistics
  std::uint64_t value;
};
/// Of a running domain, in libvirt's LXC driver's order, the ones it lacks after those it has.
std::vector<MemoryFigure> memory_figures(const domain_xml::DomainDefinition& definition, const cgroup::Usage& usage);

/// A disk or a filesystem with a source on the host, as block statistics name it.
struct Storage {
  std::string name;  // the target: "/", "vda"
  std::string path;
  bool is_file_disk = false;
};
std::vector<Storage> storage_of(const domain_xml::DomainDefinition& definition);
/// Where the kernel counts what the running domain does on it: the loop device of a file that is a disk, else the path.
std::string counted_path(const domain_xml::DomainDefinition& domain, const Storage& storage);

/// The VIR_DOMAIN_STATS_* groups a container has.
std::uint32_t known_stats();

/// What bulk statistics share between domains.
struct StatsSources {
  std::uint32_t groups;   // VIR_DOMAIN_STATS_*
  bool ask_file_systems;  // for their size, which may wait for a server
  const container::TrafficByLink& traffic;
};
/// What the files behind `groups` say; nothing of a domain that is shut off or has just ended.
cgroup::Usage usage_for_stats(const DomainSnapshot& domain, std::uint32_t groups);
/// Appends one domain's record, struct DomainStatsRecord, of the usage just read. A group without figures is absent:
/// the domain does not run, or this host does not count such things. `disks` belongs to the calling thread.
void put_domain_stats(rpc::Encoder& out, const DomainSnapshot& domain, const cgroup::Usage& usage,
                      const StatsSources& sources, container::Disks& disks);

}  // namespace driver
