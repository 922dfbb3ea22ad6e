#include "driver/domain_stats.hpp"

#include <libvirt/libvirt.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/loop_disk.hpp"
#include "driver/parameters.hpp"

namespace driver {
namespace {

using cgroup::Ask;
using domain_xml::DomainDefinition;
using domain_xml::FilesystemType;

constexpr std::uint64_t kKib = 1024;

struct Group {
  std::uint32_t bit;
  Ask files;
};
constexpr Group kGroups[] = {
    {VIR_DOMAIN_STATS_STATE, Ask::Nothing},
    {VIR_DOMAIN_STATS_CPU_TOTAL, Ask::Cpu | Ask::CpuModes | Ask::Processes | Ask::CpuPressure},
    {VIR_DOMAIN_STATS_BALLOON, Ask::Memory | Ask::MemoryDetails | Ask::MemoryPressure},
    {VIR_DOMAIN_STATS_VCPU, Ask::Nothing},
    {VIR_DOMAIN_STATS_INTERFACE, Ask::Nothing},
    {VIR_DOMAIN_STATS_BLOCK, Ask::Blocks | Ask::BlockPressure},
    {VIR_DOMAIN_STATS_PERF, Ask::PerfEvents},
};

/// The figures of one record, in order.
class Record {
 public:
  template <typename Value>
  void add(std::string key, Value value) {
    params_.push_back({std::move(key), value});
  }
  void add_if(const char* key, const std::optional<std::uint64_t>& value) {
    if (value) add(key, *value);
  }
  void add(const std::string& resource, const std::optional<cgroup::Pressure>& pressure) {
    if (!pressure) return;
    add_line(resource + ".pressure.some", pressure->some);
    add_line(resource + ".pressure.full", pressure->full);
  }
  std::vector<rpc::TypedParam> take() { return std::move(params_); }
  void reserve(std::size_t count) { params_.reserve(count); }

 private:
  void add_line(const std::string& prefix, const std::optional<cgroup::Pressure::Line>& line) {
    if (!line) return;
    add(prefix + ".avg10", line->avg10);
    add(prefix + ".avg60", line->avg60);
    add(prefix + ".avg300", line->avg300);
    add(prefix + ".total", line->total_us);
  }
  std::vector<rpc::TypedParam> params_;
};

void add_state(Record& record, const DomainSnapshot& domain) {
  record.add("state.state", std::int32_t{domain.status.state});
  record.add("state.reason", std::int32_t{domain.status.reason});
}

void add_cpu(Record& record, const cgroup::Usage& usage) {
  record.add_if("cpu.time", usage.cpu_ns);
  record.add_if("cpu.user", usage.cpu_user_ns);
  record.add_if("cpu.system", usage.cpu_system_ns);
  record.add("cpu", usage.cpu_pressure);
  record.add_if("pids.current", usage.processes);
}

void add_memory(Record& record, const DomainSnapshot& domain, const cgroup::Usage& usage) {
  record.add("balloon.maximum", domain.current().memory_kib);
  if (!domain.running) record.add("balloon.current", domain.current().current_memory_kib);
  if (!domain.running) return;
  for (const auto& figure : memory_figures(domain.current(), usage))
    record.add(std::string("balloon.") + figure.key, figure.value);
  record.add("memory", usage.memory_pressure);
  record.add_if("memory.oom_kill", usage.oom_kills);
}

void add_vcpus(Record& record, const DomainDefinition& definition) {
  record.add("vcpu.current", std::uint32_t{current_vcpus(definition)});
  record.add("vcpu.maximum", std::uint32_t{definition.vcpus});
}

void add_interfaces(Record& record, const DomainSnapshot& domain, const container::TrafficByLink& traffic) {
  if (!domain.running) return;
  const auto& interfaces = domain.live->interfaces;
  record.add("net.count", static_cast<std::uint32_t>(interfaces.size()));
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    const std::string& name = interfaces[i].target_dev;
    if (name.empty()) continue;  // it has no end on the host, so there is no name for it and nobody counts
    const auto key = [i](const char* word) { return numbered("net", i, word); };
    record.add(key("name"), name);
    const auto found = traffic.find(name);
    if (found == traffic.end()) continue;
    const container::Traffic& link = found->second;
    record.add(key("rx.bytes"), link.rx_bytes);
    record.add(key("rx.pkts"), link.rx_packets);
    record.add(key("rx.errs"), link.rx_errors);
    record.add(key("rx.drop"), link.rx_dropped);
    record.add(key("tx.bytes"), link.tx_bytes);
    record.add(key("tx.pkts"), link.tx_packets);
    record.add(key("tx.errs"), link.tx_errors);
    record.add(key("tx.drop"), link.tx_dropped);
  }
}

struct BlockEntry {
  Storage storage;
  std::optional<container::StorageSize> size;
  std::optional<cgroup::BlockUsage> usage;
};

std::optional<container::StorageSize> size_if_known(const std::string& path) {
  try {
    return container::read_storage_size(path);
  } catch (const base::Error& error) {
    base::log::debug("{}", error.message());
    return std::nullopt;
  }
}

/// What was done on the disk below `path`; it leaves `usages`.
std::optional<cgroup::BlockUsage> take_usage_below(const std::string& path, std::vector<cgroup::BlockUsage>& usages,
                                                   container::Disks& disks) {
  if (usages.empty()) return std::nullopt;
  const auto disk = disks.under(path);
  if (!disk) return std::nullopt;
  const auto found = std::find_if(usages.begin(), usages.end(), [&](const cgroup::BlockUsage& usage) {
    return usage.major == disk->major && usage.minor == disk->minor;
  });
  if (found == usages.end()) return std::nullopt;
  const cgroup::BlockUsage usage = *found;
  usages.erase(found);
  return usage;
}

/// The kernel counts per disk. Each disk's figures appear once, with the first filesystem on it, or after all of these
/// under the disk's own name: then the sum over the entries is what the container did.
std::vector<BlockEntry> block_entries(const DomainDefinition& definition, const StatsSources& sources,
                                      std::vector<cgroup::BlockUsage> usages, container::Disks& disks) {
  std::vector<BlockEntry> entries;
  for (auto& storage : storage_of(definition)) {
    BlockEntry entry{std::move(storage), {}, {}};
    if (sources.ask_file_systems) {
      entry.size = size_if_known(entry.storage.path);
      entry.usage = take_usage_below(counted_path(definition, entry.storage), usages, disks);
    }
    entries.push_back(std::move(entry));
  }
  for (const auto& usage : usages) {
    const std::string& name = disks.name({usage.major, usage.minor});
    entries.push_back({{name, "/dev/" + name}, {}, usage});
  }
  return entries;
}

void add_blocks(Record& record, const DomainSnapshot& domain, const StatsSources& sources, const cgroup::Usage& usage,
                container::Disks& disks) {
  if (!domain.running) return;
  const auto entries =
      block_entries(domain.current(), sources, usage.blocks.value_or(std::vector<cgroup::BlockUsage>()), disks);
  record.add("block.count", static_cast<std::uint32_t>(entries.size()));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto key = [i](const char* word) { return numbered("block", i, word); };
    record.add(key("name"), entries[i].storage.name);
    record.add(key("path"), entries[i].storage.path);
    if (const auto& done = entries[i].usage) {
      record.add(key("rd.reqs"), done->reads);
      record.add(key("rd.bytes"), done->read_bytes);
      record.add(key("wr.reqs"), done->writes);
      record.add(key("wr.bytes"), done->written_bytes);
    }
    if (const auto& size = entries[i].size) {
      record.add(key("allocation"), size->allocation);
      record.add(key("capacity"), size->capacity);
      record.add(key("physical"), size->physical);
    }
  }
  record.add("io", usage.block_pressure);
}

}  // namespace

std::vector<MemoryFigure> memory_figures(const DomainDefinition& definition, const cgroup::Usage& usage) {
  std::vector<MemoryFigure> figures = {
      {VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, "current", definition.current_memory_kib}};
  const auto add = [&](int tag, const char* key, const std::optional<std::uint64_t>& value, std::uint64_t unit) {
    if (value) figures.push_back({tag, key, *value / unit});
  };
  add(VIR_DOMAIN_MEMORY_STAT_SWAP_IN, "swap_in", usage.swap_bytes, kKib);
  add(VIR_DOMAIN_MEMORY_STAT_RSS, "rss", usage.memory_bytes, kKib);
  add(VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT, "major_fault", usage.major_page_faults, 1);
  if (usage.page_faults)
    add(VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT, "minor_fault", *usage.page_faults - usage.major_page_faults.value_or(0), 1);
  if (usage.memory_bytes) {
    const auto host =
        static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t available = std::min(usage.memory_limit_bytes.value_or(host), host);
    const std::uint64_t unused = available - std::min(available, *usage.memory_bytes);
    const std::uint64_t usable = std::min(available, unused + usage.inactive_file_bytes.value_or(0));
    add(VIR_DOMAIN_MEMORY_STAT_UNUSED, "unused", unused, kKib);
    add(VIR_DOMAIN_MEMORY_STAT_AVAILABLE, "available", available, kKib);
    add(VIR_DOMAIN_MEMORY_STAT_USABLE, "usable", usable, kKib);
    add(VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE, "last-update", static_cast<std::uint64_t>(std::time(nullptr)), 1);
  }
  add(VIR_DOMAIN_MEMORY_STAT_DISK_CACHES, "disk_caches", usage.page_cache_bytes, kKib);
  return figures;
}

std::vector<Storage> storage_of(const DomainDefinition& definition) {
  std::vector<Storage> found;
  for (const auto& disk : definition.disks)
    if (!disk.source.empty()) found.push_back({disk.target, disk.source, disk.type == "file"});
  for (const auto& filesystem : definition.filesystems) {
    const bool on_host = filesystem.type == FilesystemType::Mount || filesystem.type == FilesystemType::File ||
                         filesystem.type == FilesystemType::Block;
    if (on_host) found.push_back({filesystem.target, filesystem.source});
  }
  return found;
}

std::string counted_path(const DomainDefinition& domain, const Storage& storage) {
  if (!storage.is_file_disk) return storage.path;
  return container::find_loop(container::loop_mark(base::format_uuid(domain.uuid), storage.name))
      .value_or(storage.path);
}

std::uint32_t known_stats() {
  std::uint32_t all = 0;
  for (const auto& group : kGroups) all |= group.bit;
  return all;
}

cgroup::Usage usage_for_stats(const DomainSnapshot& domain, std::uint32_t groups) {
  Ask asked = Ask::Nothing;
  for (const auto& group : kGroups)
    if (groups & group.bit) asked = asked | group.files;
  if (!domain.running || asked == Ask::Nothing) return {};
  try {
    return domain.running->usage(asked, cgroup::Keep::Open);
  } catch (const base::Error& error) {  // it has just ended
    base::log::debug("{}", error.message());
    return {};
  }
}

std::vector<rpc::TypedParam> domain_stats(const DomainSnapshot& domain, const cgroup::Usage& usage,
                                          const StatsSources& sources, container::Disks& disks) {
  constexpr std::size_t kUsualFigures = 80;
  const auto wants = [&](std::uint32_t group) { return (sources.groups & group) != 0; };
  Record record;
  record.reserve(kUsualFigures);
  if (wants(VIR_DOMAIN_STATS_STATE)) add_state(record, domain);
  if (wants(VIR_DOMAIN_STATS_CPU_TOTAL)) add_cpu(record, usage);
  if (wants(VIR_DOMAIN_STATS_BALLOON)) add_memory(record, domain, usage);
  if (wants(VIR_DOMAIN_STATS_VCPU)) add_vcpus(record, domain.current());
  if (wants(VIR_DOMAIN_STATS_INTERFACE)) add_interfaces(record, domain, sources.traffic);
  if (wants(VIR_DOMAIN_STATS_BLOCK)) add_blocks(record, domain, sources, usage, disks);
  if (wants(VIR_DOMAIN_STATS_PERF))
    for (const auto& [name, count] : usage.perf) record.add("perf." + name, count);
  return record.take();
}

}  // namespace driver
