// What a container has used, read from the kernel's files (cgroup-v2.rst, cgroup-v1/*.rst). Pure: whoever has the files
// hands their texts in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cgroup/perf_events.hpp"

namespace cgroup {

/// What is asked: a set, so that no file is opened that the question does not need.
enum class Ask : unsigned {
  Nothing = 0,
  Cpu = 1 << 0,  // the sum
  PerCpu = 1 << 1,
  Memory = 1 << 2,         // usage
  MemoryDetails = 1 << 3,  // limit, swap, page cache, faults, OOM kills
  Blocks = 1 << 4,
  Processes = 1 << 5,
  CpuPressure = 1 << 6,
  MemoryPressure = 1 << 7,
  BlockPressure = 1 << 8,
  PerfEvents = 1 << 9,  // no file
  CpuModes = 1 << 10,   // user and system, with Cpu
};
constexpr Ask operator|(Ask a, Ask b) {
  return static_cast<Ask>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool asks(Ask set, Ask one) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// What the group did on one block device.
struct BlockUsage {
  unsigned major = 0, minor = 0;
  std::uint64_t reads = 0, read_bytes = 0, writes = 0, written_bytes = 0;
  BlockUsage& operator+=(const BlockUsage& other);
  bool operator==(const BlockUsage&) const = default;
};

/// Pressure-stall information (accounting/psi.rst): percent of the time in which some, or all, processes waited for the
/// resource, over 10, 60 and 300 seconds, and the sum in microseconds.
struct Pressure {
  struct Line {
    double avg10 = 0, avg60 = 0, avg300 = 0;
    std::uint64_t total_us = 0;
    bool operator==(const Line&) const = default;
  };
  std::optional<Line> some, full;
  bool operator==(const Pressure&) const = default;
};

/// Absent is what was not asked, or what this host has no file for.
struct Usage {
  std::optional<std::uint64_t> cpu_ns, cpu_user_ns, cpu_system_ns;
  std::optional<std::vector<std::uint64_t>> per_cpu_ns;  // by CPU number; on v2 read_per_cpu_time() has it
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> memory_limit_bytes;  // absent: unlimited
  std::optional<std::uint64_t> swap_bytes;          // in swap now
  std::optional<std::uint64_t> page_cache_bytes, inactive_file_bytes;
  std::optional<std::uint64_t> page_faults, major_page_faults;  // all of them; those that needed I/O
  std::optional<std::uint64_t> oom_kills;
  std::optional<std::vector<BlockUsage>> blocks;
  std::optional<std::uint64_t> processes;  // threads, as the pids controller counts
  std::optional<Pressure> cpu_pressure, memory_pressure, block_pressure;
  PerfCounts perf;
  bool operator==(const Usage&) const = default;
};

/// One of the kernel's files and what it answers.
struct StatFile {
  Ask answers;
  const char* controller;  // nullptr: every v2 group has it
  int version;
  const char* name;
  void (*parse)(std::string_view text, Usage& usage);
};
/// All files of both versions. Where a host has a controller on v1, its v2 file does not exist.
std::span<const StatFile> stat_files();

/// Reads what answers `asked`; `read` gives a file's text, nullopt if this host does not have it.
Usage read_usage(Ask asked, const std::function<std::optional<std::string_view>(const StatFile&)>& read);

}  // namespace cgroup
