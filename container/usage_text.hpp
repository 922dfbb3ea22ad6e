// What a container reads in place of the host's /proc/uptime, stat, loadavg and diskstats: how long it has been there
// and what it has used meanwhile. Pure and without allocation, for the supervisor; any input gives some text.
//
// What no cgroup counts is 0 rather than the host's: interrupts, context switches, time waiting for disks, and nice and
// steal time, which are in user time and nowhere.
#pragma once

#include <cstdint>
#include <string_view>

#include "container/view_text.hpp"

namespace container {

constexpr std::uint64_t kSecond = 1'000'000'000;

/// Nanoseconds.
struct CpuUse {
  std::uint64_t user = 0, system = 0;
};

/// The figures of cgroup v1's cpuacct.usage_all, line by line. False for a line that is not of a CPU.
bool take_cpu_line(std::string_view line, std::uint64_t& cpu, CpuUse& use);
/// The total of cgroup v2's cpu.stat, which has none for each CPU.
CpuUse parse_cpu_stat(std::string_view text);

/// CPUs of a list, in its order and not more than a machine has; false at its end.
class CpuList {
 public:
  explicit CpuList(std::string_view list) : rest_(list) {}
  bool next(std::uint64_t& cpu);

 private:
  std::string_view rest_;
  std::uint64_t at_ = 0, last_ = 0;
  bool inside_ = false;
  unsigned given_ = 0;
};
std::uint64_t count_cpus(std::string_view list);

/// The share of the `index`th of `count` CPUs where only the total is known: alike for all, nothing lost.
CpuUse share_of(const CpuUse& total, std::uint64_t count, std::uint64_t index);

/// A container's tasks at one moment.
struct TaskCount {
  std::uint64_t running = 0, blocked = 0, total = 0;
  std::uint64_t newest = 0;  // the highest number one has in the container: so many were made, until numbers start anew
};

/// `idle`: nanoseconds of all its CPUs together.
void write_uptime(TextWindow& out, std::uint64_t nanoseconds, std::uint64_t idle);
/// A line of stat: "cpu" for the total, which has no number. `present`: nanoseconds it could have used.
void write_cpu_total(TextWindow& out, const CpuUse& use, std::uint64_t idle);
void write_cpu(TextWindow& out, std::uint64_t cpu, const CpuUse& use, std::uint64_t present);
std::uint64_t idle_of(const CpuUse& use, std::uint64_t present);
/// What comes after the CPUs. `started`: seconds since 1970.
void write_stat_rest(TextWindow& out, std::uint64_t started, const TaskCount& tasks);

/// The averages over 1, 5 and 15 minutes. The kernel samples every five seconds; a supervisor that woke up for it would
/// cost every idle container, so ours are brought up to date when they are read. What ran since the last time is known
/// from the CPU time used; how many wait, only for now, and is taken to have been so for the last minute at most.
class LoadAverage {
 public:
  static constexpr std::uint64_t kOne = 1 << 20;  // fixed point
  /// Whether five seconds have gone by.
  bool is_due(std::uint64_t now) const;
  /// Nanoseconds since the start and of CPU time; tasks that run or are blocked.
  void add(std::uint64_t now, std::uint64_t used, std::uint64_t tasks);
  std::uint64_t minutes(int index) const { return averages_[index]; }  // 0: one, 1: five, 2: fifteen

 private:
  void advance(std::uint64_t seconds, std::uint64_t load);
  std::uint64_t averages_[3] = {};
  std::uint64_t at_ = 0, used_ = 0;
};
void write_loadavg(TextWindow& out, const LoadAverage& load, const TaskCount& tasks);

/// The cgroup's figures, by device: cgroup v2's io.stat, or v1's blkio.throttle.io_service_bytes and io_serviced.
struct DiskTexts {
  int version = 2;
  std::string_view stat;   // v1: bytes
  std::string_view count;  // v1: operations
};
/// For each line of the host's diskstats: the same with the container's figures, nothing if it has not used that disk.
void write_disk(TextWindow& out, std::string_view host_line, const DiskTexts& texts);

}  // namespace container
