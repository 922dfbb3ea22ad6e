// What running domains have used: of one domain, and of many in one call.
#include <libvirt/libvirt.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/node_stats.hpp"
#include "driver/access.hpp"
#include "driver/calls.hpp"
#include "driver/device_edits.hpp"
#include "driver/domain_filter.hpp"
#include "driver/domain_registry.hpp"
#include "driver/domain_stats.hpp"
#include "driver/kept_files.hpp"
#include "driver/large_memory.hpp"
#include "driver/parallel.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using cgroup::Ask;
using rpc::Call;
using rpc::Run;
using rpc::TypedParam;
namespace proc = rpc::proc;

DomainSnapshot require_running(const DomainSnapshot& domain) {
  if (!domain.running || !domain.status.active())
    base::fail_from(base::From::Domain, Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  return domain;
}

/// What `member` of the usage says; OperationInvalid names the controller where the host has no such figure.
template <typename Value>
Value require(const DomainSnapshot& domain, Ask asked, std::optional<Value> cgroup::Usage::*member,
              const char* controller) {
  const cgroup::Usage usage = require_running(domain).running->usage(asked, cgroup::Keep::Closed);
  if (!(usage.*member))
    base::fail(Code::OperationInvalid, "cgroup controller '", controller, "' has no figures for domain '",
               domain.identity.name, "'");
  return *(usage.*member);
}

// --- processors

rpc::DomainGetCpuStatsRet total_cpu_stats(const DomainSnapshot& domain, std::uint32_t wanted) {
  rpc::DomainGetCpuStatsRet ret;
  require_running(domain);
  constexpr std::int32_t kTotals = 3;
  if (wanted == 0) {
    ret.nparams = kTotals;
    return ret;
  }
  const cgroup::Usage usage = domain.running->usage(Ask::Cpu | Ask::CpuModes, cgroup::Keep::Closed);
  if (!usage.cpu_ns)
    base::fail(Code::OperationInvalid, "cgroup controller 'cpuacct' has no figures for domain '", domain.identity.name,
               "'");
  ret.params = {{VIR_DOMAIN_CPU_STATS_CPUTIME, *usage.cpu_ns},
                {VIR_DOMAIN_CPU_STATS_USERTIME, usage.cpu_user_ns.value_or(0)},
                {VIR_DOMAIN_CPU_STATS_SYSTEMTIME, usage.cpu_system_ns.value_or(0)}};
  ret.params.resize(std::min<std::size_t>(ret.params.size(), wanted));
  ret.nparams = static_cast<std::int32_t>(ret.params.size());
  return ret;
}

/// One parameter per CPU up to the highest present, 0 for those that are not.
rpc::DomainGetCpuStatsRet per_cpu_stats(const DomainSnapshot& domain, const rpc::DomainGetCpuStatsArgs& args) {
  require_running(domain);
  const auto present = container::read_cpu_map().present;
  rpc::DomainGetCpuStatsRet ret;
  if (args.nparams == 0) {
    ret.nparams = args.ncpus == 0 ? static_cast<std::int32_t>(present.size()) : 1;
    return ret;
  }
  const auto first = static_cast<std::size_t>(args.start_cpu);
  if (first >= present.size())
    base::fail(Code::InvalidArg, "start_cpu ", args.start_cpu, " is beyond the last CPU, ", present.size() - 1);
  const cgroup::Usage usage = domain.running->usage(Ask::PerCpu, cgroup::Keep::Closed);
  if (!usage.per_cpu_ns)
    base::fail(Code::OperationUnsupported, "cgroup controller 'cpuacct' has no figures for domain '",
               domain.identity.name, "'");
  const auto end = std::min(present.size(), first + args.ncpus);
  for (std::size_t cpu = first; cpu < end; ++cpu) {
    const bool known = present[cpu] && cpu < usage.per_cpu_ns->size();
    ret.params.push_back({VIR_DOMAIN_CPU_STATS_CPUTIME, known ? (*usage.per_cpu_ns)[cpu] : std::uint64_t{0}});
  }
  ret.nparams = 1;
  return ret;
}

rpc::DomainGetCpuStatsRet cpu_stats(const DomainSnapshot& domain, const rpc::DomainGetCpuStatsArgs& args) {
  require_flags(args.flags, VIR_TYPED_PARAM_STRING_OKAY, "virDomainGetCPUStats");
  if (args.start_cpu < -1) base::fail(Code::InvalidArg, "invalid start_cpu ", args.start_cpu);
  return args.start_cpu == -1 ? total_cpu_stats(domain, args.nparams) : per_cpu_stats(domain, args);
}

// --- memory

rpc::DomainMemoryStatsRet memory_stats(const DomainSnapshot& domain, std::uint32_t most) {
  require_running(domain);
  const auto usage = domain.running->usage(Ask::Memory | Ask::MemoryDetails, cgroup::Keep::Closed);
  rpc::DomainMemoryStatsRet ret;
  for (const auto& figure : memory_figures(domain.current(), usage))
    if (ret.stats.size() < most) ret.stats.push_back({figure.tag, figure.value});
  return ret;
}

// --- blocks

Storage require_storage(const DomainSnapshot& domain, const std::string& path) {
  for (auto& storage : storage_of(domain.current()))
    if (storage.name == path || storage.path == path) return std::move(storage);
  base::fail(Code::InvalidArg, "invalid path: '", path, "' is no disk or filesystem of domain '", domain.identity.name,
             "'");
}

/// `path`: "" for all that the container did, or the target or source of a disk or filesystem, for what it did on the
/// disk below.
cgroup::BlockUsage block_usage(const DomainSnapshot& domain, const std::string& path) {
  require_running(domain);
  std::optional<container::DiskNumber> disk;
  if (!path.empty()) {
    const Storage storage = require_storage(domain, path);
    disk = container::Disks().under(counted_path(domain.current(), storage));
    if (!disk)
      base::fail(Code::OperationUnsupported, "the kernel does not count I/O on the file system of '", storage.path,
                 "'");
  }
  cgroup::BlockUsage sum;
  for (const auto& usage : require(domain, Ask::Blocks, &cgroup::Usage::blocks, "blkio"))
    if (!disk || *disk == container::DiskNumber{usage.major, usage.minor}) sum += usage;
  return sum;
}

rpc::DomainBlockStatsRet block_stats(const cgroup::BlockUsage& usage) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return {number(usage.reads), number(usage.read_bytes), number(usage.writes), number(usage.written_bytes), -1};
}

std::vector<TypedParam> block_params(const cgroup::BlockUsage& usage) {
  const auto param = [](const char* name, std::uint64_t value) {
    return TypedParam{name, static_cast<std::int64_t>(value)};
  };
  return {param(VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, usage.written_bytes),
          param(VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, usage.writes),
          param(VIR_DOMAIN_BLOCK_STATS_READ_BYTES, usage.read_bytes),
          param(VIR_DOMAIN_BLOCK_STATS_READ_REQ, usage.reads)};
}

// --- interfaces

rpc::DomainInterfaceStatsRet interface_stats(const Services& services, const DomainSnapshot& domain,
                                             const std::string& device) {
  require_running(domain);
  const auto* const interface = find_interface(*domain.live, device);
  if (!interface)
    base::fail_from(base::From::Domain, Code::InvalidArg, "'", device, "' is not a known interface of domain '",
                    domain.identity.name, "'");
  const auto link = interface->target_dev.empty() ? domain.running->traffic_inside(*interface)
                                                  : services.backend.traffic(interface->target_dev);
  if (!link)
    base::fail(Code::OperationInvalid, "interface '", device, "' of domain '", domain.identity.name, "' is gone");
  const auto number_of = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return {number_of(link->rx_bytes),   number_of(link->rx_packets), number_of(link->rx_errors),
          number_of(link->rx_dropped), number_of(link->tx_bytes),   number_of(link->tx_packets),
          number_of(link->tx_errors),  number_of(link->tx_dropped)};
}

// --- many domains

constexpr std::uint32_t kFilters =
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE |
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT |
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED |
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF | VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER;

/// In the order of the question; without a list all, by name. Those that are gone are left out.
std::vector<DomainSnapshot> domains_meant(const Services& services, const VisibleDomains* visible,
                                          const rpc::ConnectGetAllDomainStatsArgs& args) {
  const std::uint32_t filters = args.flags & kFilters;
  if (args.doms.empty()) return list_domains(services, visible, filters);
  std::vector<DomainSnapshot> found;
  for (const auto& wanted : args.doms)
    if (const auto domain = services.registry.find(base::Uuid{wanted.uuid});
        domain && (!visible || visible->contains(domain->uuid())))
      if (auto now = domain->snapshot(); matches(now.standing(), filters)) found.push_back(std::move(now));
  return found;
}

std::uint32_t stats_meant(const rpc::ConnectGetAllDomainStatsArgs& args) {
  const std::uint32_t unknown = args.stats & ~known_stats();
  if (unknown != 0 && (args.flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS))
    base::fail(Code::ArgumentUnsupported, "statistics of types 0x", std::hex, unknown, " do not exist for containers");
  return args.stats == 0 ? known_stats() : args.stats & known_stats();
}

container::TrafficByLink traffic_for_stats(const Services& services) {
  try {
    return services.backend.traffic();
  } catch (const base::Error& error) {  // records without these figures, then
    base::log::warning("no statistics of interfaces: {}", error.message());
    return {};
  }
}

/// struct ConnectGetAllDomainStatsRet, in pieces. Each record is on its way to the wire as soon as it is made, by the
/// thread that made it: with a thousand domains, to keep all as values and encode them in the end took a fifth of the
/// time, and copying two megabytes twice on the way a fifteenth.
std::vector<std::string> all_domain_stats(const Services& services, const VisibleDomains* visible,
                                          const rpc::ConnectGetAllDomainStatsArgs& args) {
  require_flags(args.flags,
                kFilters | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING |
                    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS,
                "virConnectGetAllDomainStats");
  const std::uint32_t groups = stats_meant(args);
  auto domains = domains_meant(services, visible, args);
  std::erase_if(domains, [](const DomainSnapshot& domain) { return !domain.live && !domain.config; });
  const std::size_t count = domains.size();

  // One file for all interfaces, which takes as long as the files of many domains: first, and beside these.
  container::TrafficByLink traffic;
  std::vector<cgroup::Usage> usages(count);
  run_in_parallel(services, count + 1, [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i)
      if (i > 0)
        usages[i - 1] = usage_for_stats(domains[i - 1], groups);
      else if (groups & VIR_DOMAIN_STATS_INTERFACE)
        traffic = traffic_for_stats(services);
  });

  const StatsSources sources{groups, (args.flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT) == 0, traffic};
  constexpr std::size_t kUsualBytes = 2560, kFew = 64;
  std::vector<std::string> records(count + 1);  // by the first domain of each part, after their number
  run_in_parallel(services, count, [&](std::size_t first, std::size_t end) {
    container::Disks disks;
    rpc::Encoder part;
    part.reserve(count < kFew ? (end - first) * kUsualBytes : kLargeMemory);  // of which only what is used is memory
    for (std::size_t i = first; i < end; ++i) put_domain_stats(part, domains[i], usages[i], sources, disks);
    records[first + 1] = part.take();
  });
  rpc::Encoder number;
  number.put_u32(static_cast<std::uint32_t>(count));
  records[0] = number.take();
  std::erase_if(records, [](const std::string& part) { return part.empty(); });
  return records;
}

}  // namespace

void add_stats_calls(rpc::ProcedureTable& table, Services& services) {
  const auto look = [&services](const rpc::NonnullDomain& wanted) { return find_domain(services, wanted)->snapshot(); };
  table.on<proc::DomainGetCpuStats>(Run::Worker,
                                    [look](Call&, const auto& args) { return cpu_stats(look(args.dom), args); });
  table.on<proc::DomainMemoryStats>(Run::Worker, [look](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainMemoryStats");
    return memory_stats(look(args.dom), args.maxStats);
  });
  table.on<proc::DomainBlockStats>(
      Run::Worker, [look](Call&, const auto& args) { return block_stats(block_usage(look(args.dom), args.path)); });
  table.on<proc::DomainBlockStatsFlags>(Run::Worker, [look](Call&, const auto& args) {
    require_flags(args.flags, VIR_TYPED_PARAM_STRING_OKAY, "virDomainBlockStatsFlags");
    return limited<rpc::DomainBlockStatsFlagsRet>(block_params(block_usage(look(args.dom), args.path)), args.nparams);
  });
  table.on<proc::DomainGetBlockInfo>(Run::Worker, [look](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainGetBlockInfo");
    const auto size = container::read_storage_size(require_storage(look(args.dom), args.path).path);
    return rpc::DomainGetBlockInfoRet{size.allocation, size.capacity, size.physical};
  });
  table.on<proc::DomainInterfaceStats>(Run::Worker, [&services, look](Call&, const auto& args) {
    return interface_stats(services, look(args.dom), args.device);
  });
  using AllStats = proc::ConnectGetAllDomainStats;
  table.add(AllStats::kProgram, AllStats::kNumber, Run::Worker,
            [&services](Call& call, rpc::Decoder& in, rpc::Encoder&) {
              AllStats::Args args;
              args.decode(in);
              call.more_reply = all_domain_stats(services, visible_domains(call), args);
              services.kept_files.used();
            });
}

}  // namespace driver
