#include "container/host_topology.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/host_facts.hpp"
#include "container/sysfs.hpp"

namespace container {
namespace {

using domain_xml::HostCell;
using domain_xml::HostCpu;

std::uint64_t memory_total(const std::string& path) {
  return first_line(path) ? meminfo_value(base::read_file(path), "MemTotal").value_or(0) : 0;
}

class Topology {
 public:
  explicit Topology(const std::string& root) : root_(root), system_(root + "/sys/devices/system") {}

  std::vector<unsigned> online_cpus() const { return list_in(system_ + "/cpu/online"); }
  std::vector<unsigned> present_cpus() const { return list_in(system_ + "/cpu/present"); }

  HostCpu cpu(unsigned id) const {
    const std::string directory = system_ + "/cpu/cpu" + std::to_string(id) + "/topology/";
    HostCpu cpu;
    cpu.id = id;
    cpu.socket = static_cast<unsigned>(number_in(directory + "physical_package_id", 0));
    cpu.die = static_cast<unsigned>(number_in(directory + "die_id", 0));
    cpu.core = static_cast<unsigned>(number_in(directory + "core_id", 0));
    cpu.siblings = first_line(directory + "thread_siblings_list").value_or(std::to_string(id));
    return cpu;
  }

  std::vector<HostCell> cells() const {
    std::vector<HostCell> cells;
    for (const unsigned id : list_in(system_ + "/node/online")) cells.push_back(cell(id));
    if (cells.empty()) cells.push_back(whole_host());
    return cells;
  }

 private:
  HostCell cell(unsigned id) const {
    const std::string directory = system_ + "/node/node" + std::to_string(id);
    HostCell cell;
    cell.id = id;
    cell.memory_kib = memory_total(directory + "/meminfo");
    add_pages(cell, directory + "/hugepages");
    add_distances(cell, directory + "/distance");
    const auto online = online_cpus();
    for (const unsigned cpu_id : list_in(directory + "/cpulist"))
      if (std::binary_search(online.begin(), online.end(), cpu_id)) cell.cpus.push_back(cpu(cpu_id));
    return cell;
  }

  /// A kernel without NUMA is one cell.
  HostCell whole_host() const {
    HostCell cell;
    cell.memory_kib = memory_total(root_ + "/proc/meminfo");
    add_pages(cell, root_ + "/sys/kernel/mm/hugepages");
    for (const unsigned id : online_cpus()) cell.cpus.push_back(cpu(id));
    return cell;
  }

  static void add_pages(HostCell& cell, const std::string& directory) {
    std::uint64_t huge_kib = 0;
    cell.pages.push_back({base_page_kib(), 0});
    for (const unsigned size : huge_page_sizes(directory)) {
      const auto count = number_in(directory + "/hugepages-" + std::to_string(size) + "kB/nr_hugepages", 0);
      cell.pages.push_back({size, count});
      huge_kib += count * size;
    }
    cell.pages.front().count = (cell.memory_kib - std::min(huge_kib, cell.memory_kib)) / base_page_kib();
  }

  /// The n-th number of the file is the distance to the n-th online cell.
  void add_distances(HostCell& cell, const std::string& path) const {
    const auto ids = list_in(system_ + "/node/online");
    std::istringstream values(first_line(path).value_or(""));
    std::size_t at = 0;
    for (unsigned value; values >> value && at < ids.size(); ++at) cell.distances.emplace_back(ids[at], value);
  }

  std::string root_, system_;
};

base::Uuid host_uuid(const std::string& root) {
  for (const char* path : {"/sys/class/dmi/id/product_uuid", "/etc/machine-id", "/var/lib/dbus/machine-id"})
    if (const auto line = first_line(root + path))
      if (const auto uuid = base::parse_uuid(*line); uuid && *uuid != base::Uuid{}) return *uuid;
  static const base::Uuid made_up = base::Uuid::random();  // the same for as long as this daemon runs
  return made_up;
}

unsigned cpu_mhz(const std::string& root) {
  std::istringstream lines(first_line(root + "/proc/cpuinfo") ? base::read_file(root + "/proc/cpuinfo") : "");
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("cpu MHz") || line.starts_with("clock")) {
      const auto colon = line.find(':');
      if (colon != line.npos) return static_cast<unsigned>(parse_number(line.substr(colon + 1)).value_or(0));
    }
  return static_cast<unsigned>(number_in(root + "/sys/devices/system/cpu/cpu0/cpufreq/base_frequency", 0) / 1000);
}

/// The largest socket count of a cell, core count of a socket and thread count of a core.
void count_units(const std::vector<HostCell>& cells, NodeInfo& info) {
  for (const auto& cell : cells) {
    std::set<unsigned> sockets;
    std::map<unsigned, std::set<std::pair<unsigned, unsigned>>> cores;
    std::map<std::tuple<unsigned, unsigned, unsigned>, unsigned> threads;
    for (const auto& cpu : cell.cpus) {
      sockets.insert(cpu.socket);
      cores[cpu.socket].insert({cpu.die, cpu.core});
      info.threads = std::max(info.threads, ++threads[{cpu.socket, cpu.die, cpu.core}]);
    }
    info.sockets = std::max(info.sockets, static_cast<unsigned>(sockets.size()));
    for (const auto& [socket, inside] : cores) info.cores = std::max(info.cores, static_cast<unsigned>(inside.size()));
  }
}

}  // namespace

domain_xml::HostCapabilities read_host_capabilities(const std::string& root) {
  domain_xml::HostCapabilities host;
  host.host_uuid = host_uuid(root);
  host.arch = host_arch();
  host.page_sizes_kib = {base_page_kib()};
  const auto huge = huge_page_sizes(root + "/sys/kernel/mm/hugepages");
  host.page_sizes_kib.insert(host.page_sizes_kib.end(), huge.begin(), huge.end());
  host.iommu = !entries(root + "/sys/kernel/iommu_groups").empty();
  host.cells = Topology(root).cells();
  return host;
}

NodeInfo read_node_info(const std::string& root) {
  const Topology topology(root);
  const auto cells = topology.cells();
  NodeInfo info;
  info.model = host_arch();
  info.mhz = cpu_mhz(root);
  info.nodes = static_cast<unsigned>(cells.size());
  for (const auto& cell : cells) {
    info.memory_kib += cell.memory_kib;
    info.cpus += static_cast<unsigned>(cell.cpus.size());
  }
  count_units(cells, info);
  const auto present = static_cast<unsigned>(topology.present_cpus().size());
  const unsigned product = info.nodes * info.sockets * info.cores * info.threads;
  // Uneven machines do not multiply: one flat socket then, as libvirt reports them.
  if (product != present && product != info.cpus) {
    info.nodes = info.sockets = info.threads = 1;
    info.cores = std::max(present, info.cpus);
  }
  return info;
}

}  // namespace container
