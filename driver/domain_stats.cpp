#include "driver/domain_stats.hpp"

#include <libvirt/libvirt.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <initializer_list>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/loop_disk.hpp"
#include "driver/wire_values.hpp"

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

/// The figures of one record on their way to the wire, in order: struct DomainStatsRecord's `params`. A thousand
/// domains have seventy thousand of them, so that none is a value of its own in between.
class Record {
 public:
  using Name = std::initializer_list<std::string_view>;  // its pieces

  explicit Record(rpc::Encoder& out) : out_(out), count_at_(out.bytes().size()) { out.put_u32(0); }
  ~Record() { out_.set_u32(count_at_, count_); }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  void add(Name name, std::int32_t value) {
    begin(name, VIR_TYPED_PARAM_INT);
    out_.put_u32(static_cast<std::uint32_t>(value));
  }
  void add(Name name, std::uint32_t value) {
    begin(name, VIR_TYPED_PARAM_UINT);
    out_.put_u32(value);
  }
  void add(Name name, std::uint64_t value) {
    begin(name, VIR_TYPED_PARAM_ULLONG);
    out_.put_u64(value);
  }
  void add(Name name, double value) {
    begin(name, VIR_TYPED_PARAM_DOUBLE);
    out_.put_double(value);
  }
  void add(Name name, std::string_view value) {
    begin(name, VIR_TYPED_PARAM_STRING);
    out_.put_opaque(value);
  }
  void add_if(std::string_view name, const std::optional<std::uint64_t>& value) {
    if (value) add({name}, *value);
  }
  void add(std::string_view resource, const std::optional<cgroup::Pressure>& pressure) {
    if (!pressure) return;
    add_line(resource, ".pressure.some", pressure->some);
    add_line(resource, ".pressure.full", pressure->full);
  }

 private:
  void begin(Name name, int type) {
    ++count_;
    out_.put_opaque(name);
    out_.put_u32(static_cast<std::uint32_t>(type));
  }
  void add_line(std::string_view resource, std::string_view line,
                const std::optional<cgroup::Pressure::Line>& pressure) {
    if (!pressure) return;
    add({resource, line, ".avg10"}, pressure->avg10);
    add({resource, line, ".avg60"}, pressure->avg60);
    add({resource, line, ".avg300"}, pressure->avg300);
    add({resource, line, ".total"}, pressure->total_us);
  }

  rpc::Encoder& out_;
  const std::size_t count_at_;
  std::uint32_t count_ = 0;
};

/// "net.0.": what the names of one object among several begin with.
class Prefix {
 public:
  Prefix(std::string_view kind, std::size_t number) {
    text_ += kind;
    text_ += '.';
    text_ += std::to_string(number);
    text_ += '.';
  }
  operator std::string_view() const { return text_; }

 private:
  std::string text_;
};

void add_state(Record& record, const DomainSnapshot& domain) {
  record.add({"state.state"}, std::int32_t{domain.status.state});
  record.add({"state.reason"}, std::int32_t{domain.status.reason});
}

void add_cpu(Record& record, const cgroup::Usage& usage) {
  record.add_if("cpu.time", usage.cpu_ns);
  record.add_if("cpu.user", usage.cpu_user_ns);
  record.add_if("cpu.system", usage.cpu_system_ns);
  record.add("cpu", usage.cpu_pressure);
  record.add_if("pids.current", usage.processes);
}

void add_memory(Record& record, const DomainSnapshot& domain, const cgroup::Usage& usage) {
  record.add({"balloon.maximum"}, domain.current().memory_kib);
  if (!domain.running) record.add({"balloon.current"}, domain.current().current_memory_kib);
  if (!domain.running) return;
  for (const auto& figure : memory_figures(domain.current(), usage)) record.add({"balloon.", figure.key}, figure.value);
  record.add("memory", usage.memory_pressure);
  record.add_if("memory.oom_kill", usage.oom_kills);
}

void add_vcpus(Record& record, const DomainDefinition& definition) {
  record.add({"vcpu.current"}, std::uint32_t{current_vcpus(definition)});
  record.add({"vcpu.maximum"}, std::uint32_t{definition.vcpus});
}

void add_interfaces(Record& record, const DomainSnapshot& domain, const container::TrafficByLink& traffic) {
  if (!domain.running) return;
  const auto& interfaces = domain.live->interfaces;
  record.add({"net.count"}, static_cast<std::uint32_t>(interfaces.size()));
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    const std::string& name = interfaces[i].target_dev;
    if (name.empty()) continue;  // it has no end on the host, so there is no name for it and nobody counts
    const Prefix net("net", i);
    record.add({net, "name"}, name);
    const auto found = traffic.find(name);
    if (found == traffic.end()) continue;
    const container::Traffic& link = found->second;
    record.add({net, "rx.bytes"}, link.rx_bytes);
    record.add({net, "rx.pkts"}, link.rx_packets);
    record.add({net, "rx.errs"}, link.rx_errors);
    record.add({net, "rx.drop"}, link.rx_dropped);
    record.add({net, "tx.bytes"}, link.tx_bytes);
    record.add({net, "tx.pkts"}, link.tx_packets);
    record.add({net, "tx.errs"}, link.tx_errors);
    record.add({net, "tx.drop"}, link.tx_dropped);
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
  record.add({"block.count"}, static_cast<std::uint32_t>(entries.size()));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Prefix block("block", i);
    record.add({block, "name"}, entries[i].storage.name);
    record.add({block, "path"}, entries[i].storage.path);
    if (const auto& done = entries[i].usage) {
      record.add({block, "rd.reqs"}, done->reads);
      record.add({block, "rd.bytes"}, done->read_bytes);
      record.add({block, "wr.reqs"}, done->writes);
      record.add({block, "wr.bytes"}, done->written_bytes);
    }
    if (const auto& size = entries[i].size) {
      record.add({block, "allocation"}, size->allocation);
      record.add({block, "capacity"}, size->capacity);
      record.add({block, "physical"}, size->physical);
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

void put_domain_stats(rpc::Encoder& out, const DomainSnapshot& domain, const cgroup::Usage& usage,
                      const StatsSources& sources, container::Disks& disks) {
  const auto wants = [&](std::uint32_t group) { return (sources.groups & group) != 0; };
  to_wire(domain.identity).encode(out);
  Record record(out);
  if (wants(VIR_DOMAIN_STATS_STATE)) add_state(record, domain);
  if (wants(VIR_DOMAIN_STATS_CPU_TOTAL)) add_cpu(record, usage);
  if (wants(VIR_DOMAIN_STATS_BALLOON)) add_memory(record, domain, usage);
  if (wants(VIR_DOMAIN_STATS_VCPU)) add_vcpus(record, domain.current());
  if (wants(VIR_DOMAIN_STATS_INTERFACE)) add_interfaces(record, domain, sources.traffic);
  if (wants(VIR_DOMAIN_STATS_BLOCK)) add_blocks(record, domain, sources, usage, disks);
  if (wants(VIR_DOMAIN_STATS_PERF))
    for (const auto& [name, count] : usage.perf) record.add({"perf.", name}, count);
}

}  // namespace driver
