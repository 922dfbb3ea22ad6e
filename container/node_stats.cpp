#include "container/node_stats.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/sysfs.hpp"

namespace container {
namespace {

using base::Code;

const char* const kNodes = "/sys/devices/system/node/";

std::string pages_directory(int cell, const std::string& root) {
  const std::string node = root + kNodes + "node" + std::to_string(cell);
  const bool has_nodes = !list_in(root + kNodes + "online").empty();
  return cell < 0 || !has_nodes ? root + "/sys/kernel/mm/hugepages" : node + "/hugepages";
}

std::string where(int cell) {
  return cell < 0 ? "this host" : "node " + std::to_string(cell);
}

/// "/sys/.../hugepages-2048kB/", checked to exist.
std::string huge_page_directory(int cell, unsigned size_kib, const std::string& root) {
  const std::string directory = pages_directory(cell, root);
  const auto sizes = huge_page_sizes(directory);
  if (!std::binary_search(sizes.begin(), sizes.end(), size_kib))
    base::fail(Code::OperationFailed, "page size ", size_kib, " is not available on ", where(cell));
  return directory + "/hugepages-" + std::to_string(size_kib) + "kB/";
}

void write_number(const std::string& path, std::uint64_t value) {
  const std::string text = std::to_string(value);
  const base::Fd fd = base::open_file(path, O_WRONLY);
  base::write_all(fd.get(), text.data(), text.size(), path);
}

}  // namespace

std::optional<CpuTimes> read_cpu_times(int cpu, const std::string& root) {
  const std::string wanted = cpu < 0 ? "cpu" : "cpu" + std::to_string(cpu);
  std::istringstream lines(base::read_file(root + "/proc/stat"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
    words >> name;
    if (name != wanted) continue;
    words >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
    const std::uint64_t tick = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return CpuTimes{(system + irq + softirq) * tick, (user + nice) * tick, idle * tick, iowait * tick};
  }
  return std::nullopt;
}

std::vector<unsigned> read_cells(const std::string& root) {
  auto cells = list_in(root + kNodes + "online");
  if (cells.empty()) cells.push_back(0);
  return cells;
}

std::optional<NodeMemory> read_node_memory(int cell, const std::string& root) {
  std::string path = root + "/proc/meminfo";
  if (cell >= 0) {
    const auto cells = read_cells(root);
    if (!std::binary_search(cells.begin(), cells.end(), static_cast<unsigned>(cell))) return std::nullopt;
    const std::string of_node = root + kNodes + "node" + std::to_string(cell) + "/meminfo";
    if (first_line(of_node)) path = of_node;
  }
  const std::string text = base::read_file(path);
  NodeMemory memory;
  memory.total_kib = meminfo_value(text, "MemTotal").value_or(0);
  memory.free_kib = meminfo_value(text, "MemFree").value_or(0);
  if (cell < 0) {
    memory.buffers_kib = meminfo_value(text, "Buffers");
    memory.cached_kib = meminfo_value(text, "Cached");
  }
  return memory;
}

CpuMap read_cpu_map(const std::string& root) {
  CpuMap map;
  const auto mark = [&](const char* list, std::vector<bool>& bits) {
    for (const unsigned cpu : list_in(root + "/sys/devices/system/cpu/" + list)) {
      if (bits.size() <= cpu) bits.resize(cpu + 1);
      bits[cpu] = true;
    }
  };
  mark("present", map.present);
  mark("online", map.online);
  map.present.resize(std::max(map.present.size(), map.online.size()));
  map.online.resize(map.present.size());
  return map;
}

std::uint64_t read_free_pages(int cell, unsigned size_kib, const std::string& root) {
  if (size_kib != base_page_kib()) return number_in(huge_page_directory(cell, size_kib, root) + "free_hugepages", 0);
  const auto memory = read_node_memory(cell, root);
  return memory ? memory->free_kib / size_kib : 0;
}

void allocate_pages(int cell, unsigned size_kib, std::uint64_t count, PageCount how, const std::string& root) {
  if (size_kib == base_page_kib())
    base::fail(Code::OperationUnsupported, "pages of the ordinary size (", size_kib, " KiB) cannot be allocated");
  const std::string path = huge_page_directory(cell, size_kib, root) + "nr_hugepages";
  const std::uint64_t wanted = how == PageCount::Set ? count : number_in(path, 0) + count;
  write_number(path, wanted);
  if (const std::uint64_t now = number_in(path, 0); now < wanted)
    base::fail(Code::OperationFailed, "only ", now, " of ", wanted, " pages of ", size_kib, " KiB exist on ",
               where(cell));
}

}  // namespace container
