// The host's processors and memory in numbers, per NUMA cell where the kernel has them; a kernel without NUMA is one
// cell, 0. Read from procfs and sysfs on each call; `root` replaces "/" in tests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace container {

/// Nanoseconds since boot: user includes nice, kernel the interrupts (proc(5), /proc/stat).
struct CpuTimes {
  std::uint64_t kernel_ns = 0, user_ns = 0, idle_ns = 0, iowait_ns = 0;
  bool operator==(const CpuTimes&) const = default;
};
/// Of one CPU, or all of them (-1). nullopt: there is no such CPU online.
std::optional<CpuTimes> read_cpu_times(int cpu, const std::string& root = "");

struct NodeMemory {
  std::uint64_t total_kib = 0, free_kib = 0;
  std::optional<std::uint64_t> buffers_kib, cached_kib;  // of the whole host only
  bool operator==(const NodeMemory&) const = default;
};
/// Of one cell, or the whole host (-1). nullopt: there is no such cell.
std::optional<NodeMemory> read_node_memory(int cell, const std::string& root = "");

/// Online cells, ascending.
std::vector<unsigned> read_cells(const std::string& root = "");

/// CPUs present, and which of them are online; by number, up to the highest present.
struct CpuMap {
  std::vector<bool> present, online;
};
CpuMap read_cpu_map(const std::string& root = "");

/// Free pages of `size_kib` in one cell, or the whole host (-1). Throws OperationFailed if there is no such size.
std::uint64_t read_free_pages(int cell, unsigned size_kib, const std::string& root = "");
enum class PageCount { Add, Set };
/// Makes or frees huge pages. Throws OperationUnsupported for the ordinary page size, OperationFailed if there is no
/// such size or the kernel made fewer.
void allocate_pages(int cell, unsigned size_kib, std::uint64_t count, PageCount how, const std::string& root = "");

}  // namespace container
