// Calls about the host's processors and memory.
#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "container/host_topology.hpp"
#include "container/ksm.hpp"
#include "container/node_stats.hpp"
#include "container/smbios.hpp"
#include "driver/calls.hpp"
#include "driver/node_power.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
using rpc::TypedParam;
namespace proc = rpc::proc;

rpc::NodeGetInfoRet node_info() {
  const container::NodeInfo node = container::read_node_info();
  rpc::NodeGetInfoRet ret;
  ret.model = node.model;
  ret.memory = node.memory_kib;
  ret.cpus = static_cast<std::int32_t>(node.cpus);
  ret.mhz = static_cast<std::int32_t>(node.mhz);
  ret.nodes = static_cast<std::int32_t>(node.nodes);
  ret.sockets = static_cast<std::int32_t>(node.sockets);
  ret.cores = static_cast<std::int32_t>(node.cores);
  ret.threads = static_cast<std::int32_t>(node.threads);
  return ret;
}

/// The answer to a question for exactly as many figures as there are; 0 asks how many that is.
template <typename Ret, typename Figures>
Ret exactly(Figures figures, std::int32_t wanted, const char* api) {
  Ret ret;
  const auto count = static_cast<std::int32_t>(figures.size());
  if (wanted == 0) {
    ret.nparams = count;
    return ret;
  }
  if (wanted != count) base::fail(Code::InvalidArg, "nparams in ", api, " must be equal to ", count);
  ret.params = std::move(figures);
  return ret;
}

rpc::NodeGetCpuStatsRet cpu_stats(const rpc::NodeGetCpuStatsArgs& args) {
  require_flags(args.flags, 0, "virNodeGetCPUStats");
  const auto times = container::read_cpu_times(args.cpuNum);
  if (args.cpuNum < VIR_NODE_CPU_STATS_ALL_CPUS || !times)
    base::fail(Code::InvalidArg, "no CPU ", args.cpuNum, " is online");
  return exactly<rpc::NodeGetCpuStatsRet>(
      std::vector<rpc::NodeGetCpuStats>{{VIR_NODE_CPU_STATS_KERNEL, times->kernel_ns},
                                        {VIR_NODE_CPU_STATS_USER, times->user_ns},
                                        {VIR_NODE_CPU_STATS_IDLE, times->idle_ns},
                                        {VIR_NODE_CPU_STATS_IOWAIT, times->iowait_ns}},
      args.nparams, "virNodeGetCPUStats");
}

rpc::NodeGetMemoryStatsRet memory_stats(const rpc::NodeGetMemoryStatsArgs& args) {
  require_flags(args.flags, 0, "virNodeGetMemoryStats");
  const auto memory = container::read_node_memory(args.cellNum);
  if (args.cellNum < VIR_NODE_MEMORY_STATS_ALL_CELLS || !memory)
    base::fail(Code::InvalidArg, "this host has no NUMA node ", args.cellNum);
  std::vector<rpc::NodeGetMemoryStats> figures = {{VIR_NODE_MEMORY_STATS_TOTAL, memory->total_kib},
                                                  {VIR_NODE_MEMORY_STATS_FREE, memory->free_kib}};
  if (memory->buffers_kib) figures.push_back({VIR_NODE_MEMORY_STATS_BUFFERS, *memory->buffers_kib});
  if (memory->cached_kib) figures.push_back({VIR_NODE_MEMORY_STATS_CACHED, *memory->cached_kib});
  return exactly<rpc::NodeGetMemoryStatsRet>(std::move(figures), args.nparams, "virNodeGetMemoryStats");
}

// --- NUMA cells and pages

/// Cells [start, start + count), as far as there are; -1 stands for the whole host.
std::vector<int> cells_meant(std::int32_t start, std::uint32_t count, bool whole_host) {
  const auto online = container::read_cells();
  const int last = static_cast<int>(online.back());
  if (start > last || start < (whole_host ? -1 : 0))
    base::fail(Code::InternalError, "start cell ", start, " out of range (0-", last, ")");
  std::vector<int> cells;
  const std::int64_t end = std::min<std::int64_t>(std::int64_t{start} + count, last + 1);
  for (int cell = start; cell < end; ++cell)
    if (cell < 0 || std::binary_search(online.begin(), online.end(), static_cast<unsigned>(cell)))
      cells.push_back(cell);
  return cells;
}

std::uint64_t free_bytes(int cell) {
  const auto memory = container::read_node_memory(cell);
  return memory ? memory->free_kib * 1024 : 0;
}

rpc::NodeGetCellsFreeMemoryRet cells_free_memory(const rpc::NodeGetCellsFreeMemoryArgs& args) {
  if (args.maxcells <= 0) base::fail(Code::InvalidArg, "invalid number of cells ", args.maxcells);
  rpc::NodeGetCellsFreeMemoryRet ret;
  for (const int cell : cells_meant(args.startCell, static_cast<std::uint32_t>(args.maxcells), false))
    ret.cells.push_back(free_bytes(cell));
  return ret;
}

/// The sum of the cells, as in virNodeInfo.
rpc::NodeGetFreeMemoryRet free_memory() {
  rpc::NodeGetFreeMemoryRet ret;
  for (const unsigned cell : container::read_cells()) ret.freeMem += free_bytes(static_cast<int>(cell));
  return ret;
}

rpc::NodeGetFreePagesRet free_pages(const rpc::NodeGetFreePagesArgs& args) {
  require_flags(args.flags, 0, "virNodeGetFreePages");
  rpc::NodeGetFreePagesRet ret;
  for (const int cell : cells_meant(args.startCell, args.cellCount, true))
    for (const auto size : args.pages) ret.counts.push_back(container::read_free_pages(cell, size));
  return ret;
}

rpc::NodeAllocPagesRet alloc_pages(const rpc::NodeAllocPagesArgs& args) {
  require_flags(args.flags, VIR_NODE_ALLOC_PAGES_SET, "virNodeAllocPages");
  if (args.pageSizes.size() != args.pageCounts.size())
    base::fail(Code::InvalidArg, args.pageSizes.size(), " page sizes and ", args.pageCounts.size(), " counts");
  const auto how = (args.flags & VIR_NODE_ALLOC_PAGES_SET) ? container::PageCount::Set : container::PageCount::Add;
  rpc::NodeAllocPagesRet ret;
  for (const int cell : cells_meant(args.startCell, args.cellCount, true))
    for (std::size_t i = 0; i < args.pageSizes.size(); ++i, ++ret.ret)
      container::allocate_pages(cell, args.pageSizes[i], args.pageCounts[i], how);
  return ret;
}

rpc::NodeGetCpuMapRet cpu_map(const rpc::NodeGetCpuMapArgs& args) {
  require_flags(args.flags, 0, "virNodeGetCPUMap");
  const auto online = container::read_cpu_map().online;
  rpc::NodeGetCpuMapRet ret;
  ret.ret = static_cast<std::int32_t>(online.size());
  if (args.need_online) ret.online = static_cast<std::uint32_t>(std::count(online.begin(), online.end(), true));
  if (!args.need_map) return ret;
  ret.cpumap.resize((online.size() + 7) / 8);
  for (std::size_t cpu = 0; cpu < online.size(); ++cpu)
    if (online[cpu]) mark_cpu(ret.cpumap, cpu);
  return ret;
}

// --- kernel same-page merging

rpc::NodeGetMemoryParametersRet memory_parameters(const rpc::NodeGetMemoryParametersArgs& args) {
  require_flags(args.flags, VIR_TYPED_PARAM_STRING_OKAY, "virNodeGetMemoryParameters");
  const container::Ksm ksm = container::read_ksm();
  std::vector<TypedParam> params;
  const auto add_setting = [&](const char* name, const std::optional<std::uint64_t>& value) {
    if (value) params.push_back({name, static_cast<std::uint32_t>(*value)});
  };
  const auto add_counter = [&](const char* name, const std::optional<std::uint64_t>& value) {
    if (value) params.push_back({name, *value});
  };
  add_setting(VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN, ksm.pages_to_scan);
  add_setting(VIR_NODE_MEMORY_SHARED_SLEEP_MILLISECS, ksm.sleep_millisecs);
  add_counter(VIR_NODE_MEMORY_SHARED_PAGES_SHARED, ksm.pages_shared);
  add_counter(VIR_NODE_MEMORY_SHARED_PAGES_SHARING, ksm.pages_sharing);
  add_counter(VIR_NODE_MEMORY_SHARED_PAGES_UNSHARED, ksm.pages_unshared);
  add_counter(VIR_NODE_MEMORY_SHARED_PAGES_VOLATILE, ksm.pages_volatile);
  add_counter(VIR_NODE_MEMORY_SHARED_FULL_SCANS, ksm.full_scans);
  add_setting(VIR_NODE_MEMORY_SHARED_MERGE_ACROSS_NODES, ksm.merge_across_nodes);
  if (params.empty())
    base::fail(Code::OperationUnsupported, "this kernel does not merge pages: there is no '", container::kKsmDirectory,
               "'");
  return limited<rpc::NodeGetMemoryParametersRet>(std::move(params), args.nparams);
}

void set_memory_parameters(const rpc::NodeSetMemoryParametersArgs& args) {
  require_flags(args.flags, 0, "virNodeSetMemoryParameters");
  container::Ksm wanted;
  const std::pair<const char*, std::optional<std::uint64_t> container::Ksm::*> settable[] = {
      {VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN, &container::Ksm::pages_to_scan},
      {VIR_NODE_MEMORY_SHARED_SLEEP_MILLISECS, &container::Ksm::sleep_millisecs},
      {VIR_NODE_MEMORY_SHARED_MERGE_ACROSS_NODES, &container::Ksm::merge_across_nodes}};
  for (const auto& param : args.params) {
    const auto known = std::find_if(std::begin(settable), std::end(settable),
                                    [&](const auto& one) { return param.field == one.first; });
    if (known == std::end(settable))
      base::fail(Code::ArgumentUnsupported, "parameter '", param.field, "' not supported");
    const auto* value = std::get_if<std::uint32_t>(&param.value);
    if (!value) base::fail(Code::InvalidArg, "parameter '", param.field, "' must be an unsigned int");
    wanted.*known->second = *value;
  }
  container::change_ksm(wanted);
}

std::string sysinfo(const rpc::ConnectGetSysinfoArgs& args) {
  require_flags(args.flags, 0, "virConnectGetSysinfo");
  const auto sections = container::read_smbios();
  if (sections.empty()) base::fail(Code::ConfigUnsupported, "host SMBIOS information is not available");
  return domain_xml::format_host_sysinfo(sections);
}

/// The reply goes out before the host is away.
void suspend_node(Call& call, Services& services, const rpc::NodeSuspendForDurationArgs& args) {
  require_flags(args.flags, 0, "virNodeSuspendForDuration");
  NodePower().prepare(args.target, args.duration);
  call.after_reply = [&services, target = args.target] {
    services.run_on_worker([target] { NodePower().sleep(target); });
  };
}

}  // namespace

void add_node_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::NodeSuspendForDuration>(Run::Worker, [&](Call& call, const auto& args) {
    suspend_node(call, services, args);
    return Nothing{};
  });
  table.on<proc::NodeGetInfo>(Run::Worker, [](Call&, const auto&) { return node_info(); });
  table.on<proc::NodeGetCpuStats>(Run::Worker, [](Call&, const auto& args) { return cpu_stats(args); });
  table.on<proc::NodeGetMemoryStats>(Run::Worker, [](Call&, const auto& args) { return memory_stats(args); });
  table.on<proc::NodeGetFreeMemory>(Run::Worker, [](Call&, const auto&) { return free_memory(); });
  table.on<proc::NodeGetCellsFreeMemory>(Run::Worker, [](Call&, const auto& args) { return cells_free_memory(args); });
  table.on<proc::NodeGetFreePages>(Run::Worker, [](Call&, const auto& args) { return free_pages(args); });
  table.on<proc::NodeAllocPages>(Run::Worker, [](Call&, const auto& args) { return alloc_pages(args); });
  table.on<proc::NodeGetCpuMap>(Run::Worker, [](Call&, const auto& args) { return cpu_map(args); });
  table.on<proc::NodeGetMemoryParameters>(Run::Worker, [](Call&, const auto& args) { return memory_parameters(args); });
  table.on<proc::NodeSetMemoryParameters>(Run::Worker, [](Call&, const auto& args) {
    set_memory_parameters(args);
    return Nothing{};
  });
  table.on<proc::ConnectGetSysinfo>(Run::Worker,
                                    [](Call&, const auto& args) { return rpc::ConnectGetSysinfoRet{sysinfo(args)}; });
}

}  // namespace driver
