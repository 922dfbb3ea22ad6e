// What a container reads in place of the host's /proc/meminfo, swaps, cpuinfo and /sys/devices/system/cpu/online: the
// host's text and the container's figures in, text out (what it has used of time and disks: usage_text). Pure and
// without allocation, for the supervisor; any input gives some text.
//
// CPUs are those of the cpuset under the kernel's own numbers, as sched_getaffinity(2) has them. A quota does not take
// CPUs away: a container limited to half of each of four CPUs may run on four.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "container/text_scan.hpp"

namespace container {

/// The part of a text from `offset` on that fits into `capacity` bytes. The text is made from its start; what lies
/// outside is only counted.
class TextWindow {
 public:
  TextWindow(char* buffer, std::size_t capacity, std::uint64_t offset)
      : buffer_(buffer), capacity_(capacity), offset_(offset) {}
  void add(std::string_view text);
  /// Decimal, with blanks before it up to `width`.
  void add_number(std::uint64_t number, std::size_t width = 0);
  std::size_t size() const { return size_; }
  /// Of everything that was added. To learn the length of a whole text, give no capacity: that is never full.
  std::uint64_t length() const { return length_; }
  bool full() const { return capacity_ > 0 && size_ == capacity_; }

 private:
  char* buffer_;
  std::size_t capacity_, size_ = 0;
  std::uint64_t offset_, length_ = 0;
};

/// Lines of memory.stat, as cgroup v2 names them.
enum class MemoryStat : std::uint8_t {
  Anon,
  AnonThp,
  File,
  FileThp,
  FileMapped,
  FileDirty,
  FileWriteback,
  Shmem,
  ShmemThp,
  SwapCached,
  ActiveAnon,
  InactiveAnon,
  ActiveFile,
  InactiveFile,
  Unevictable,
  SlabReclaimable,
  SlabUnreclaimable,
  KernelStack,
  PageTables,
  SecPageTables,
  PerCpu,
  Zswap,
  Zswapped,
};
constexpr std::size_t kMemoryStats = static_cast<std::size_t>(MemoryStat::Zswapped) + 1;
/// Bytes; limits are the tightest of the cgroup and those above it. What is not known is the host's business.
struct MemoryFigures {
  bool known = false, swap_known = false;
  std::uint64_t limit = kNoLimit, usage = 0;
  std::uint64_t swap_limit = kNoLimit, swap_usage = 0;  // swap alone
  std::uint64_t stat[kMemoryStats] = {};
};

/// The number a control file begins with; kNoLimit for "max" and everything else that is none.
std::uint64_t parse_limit(std::string_view text);
/// From memory.stat of cgroup `version` 1 (the container's totals) or 2.
void take_memory_stat(MemoryFigures& figures, int version, std::string_view text);
/// v1 counts RAM and swap together: `both_*` are memory.memsw.*, the limit taken from memory.stat's hierarchical ones.
void take_swap_v1(MemoryFigures& figures, std::uint64_t both_limit, std::uint64_t both_usage);
/// "hierarchical_memory_limit" and the like; kNoLimit if there is no such line.
std::uint64_t stat_value(std::string_view text, std::string_view key);

void write_meminfo(TextWindow& out, std::string_view host, const MemoryFigures& figures);
/// `host` is /proc/swaps, of which only the heading is kept; `host_meminfo` tells how much swap there is at all.
void write_swaps(TextWindow& out, std::string_view host, std::string_view host_meminfo, const MemoryFigures& figures);

/// "0-3,8" has 2; text that is no such list has nothing.
bool list_has_cpu(std::string_view list, std::uint64_t cpu);

/// The host's /proc/cpuinfo, given piece by piece, without the processors that are not in `cpus` (empty: with all).
class CpuinfoFilter {
 public:
  CpuinfoFilter(TextWindow& out, std::string_view cpus) : out_(out), cpus_(cpus) {}
  void add(std::string_view piece);
  void finish();

 private:
  void decide();
  TextWindow& out_;
  std::string_view cpus_;
  char head_[32];  // of the current line, until it is known whether it is kept
  std::size_t head_size_ = 0;
  bool deciding_ = true, after_blank_ = true, dropping_ = false;
};

}  // namespace container
