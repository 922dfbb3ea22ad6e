#include "cgroup/stats.hpp"

#include <unistd.h>

#include <algorithm>

#include "cgroup/limits.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kNsPerUs = 1'000;

/// Takes what stands before the next `end` off `text`, without it.
std::string_view take(std::string_view& text, char end) {
  const auto at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

/// What some lines of a file with "key value" lines say, and where it goes. Most of a long file is nobody's.
struct Wanted {
  std::string_view key;
  std::optional<std::uint64_t> Usage::*member;
  std::uint64_t unit = 1;
};

template <std::size_t Count>
void take_pairs(std::string_view text, Usage& usage, const Wanted (&wanted)[Count]) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view key = take(line, ' ');
    for (const auto& one : wanted)
      if (key == one.key)
        if (const auto value = parse_number(line)) usage.*one.member = *value * one.unit;
  }
}

std::uint64_t ns_per_tick() {
  static const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return kNsPerSecond / ticks;
}

void parse_cpuacct_usage(std::string_view text, Usage& usage) {
  usage.cpu_ns = parse_number(text);
}

void parse_cpuacct_stat(std::string_view text, Usage& usage) {
  take_pairs(text, usage,
             {{"user", &Usage::cpu_user_ns, ns_per_tick()}, {"system", &Usage::cpu_system_ns, ns_per_tick()}});
}

/// Possible CPUs in order, which number from 0 without gaps.
void parse_cpuacct_usage_percpu(std::string_view text, Usage& usage) {
  usage.per_cpu_ns.emplace();
  while (!text.empty())
    if (const auto value = parse_number(take(text, ' '))) usage.per_cpu_ns->push_back(*value);
}

void parse_cpu_stat(std::string_view text, Usage& usage) {
  take_pairs(text, usage,
             {{"usage_usec", &Usage::cpu_ns, kNsPerUs},
              {"user_usec", &Usage::cpu_user_ns, kNsPerUs},
              {"system_usec", &Usage::cpu_system_ns, kNsPerUs}});
}

void parse_memory_usage(std::string_view text, Usage& usage) {
  usage.memory_bytes = parse_number(text);
}

std::optional<std::uint64_t> if_limited(std::optional<std::uint64_t> bytes) {
  return bytes.value_or(kUnlimitedBytes) < kUnlimitedBytes ? bytes : std::nullopt;
}

void parse_memory_limit(std::string_view text, Usage& usage) {
  usage.memory_limit_bytes = if_limited(parse_number(text));
}

/// "total_" counts the groups below as well, where the processes are.
void parse_memory_stat_v1(std::string_view text, Usage& usage) {
  take_pairs(text, usage,
             {{"hierarchical_memory_limit", &Usage::memory_limit_bytes},
              {"total_cache", &Usage::page_cache_bytes},
              {"total_inactive_file", &Usage::inactive_file_bytes},
              {"total_pgfault", &Usage::page_faults},
              {"total_pgmajfault", &Usage::major_page_faults},
              {"total_swap", &Usage::swap_bytes}});
  usage.memory_limit_bytes = if_limited(usage.memory_limit_bytes);
}

void parse_memory_stat_v2(std::string_view text, Usage& usage) {
  take_pairs(text, usage,
             {{"file", &Usage::page_cache_bytes},
              {"inactive_file", &Usage::inactive_file_bytes},
              {"pgfault", &Usage::page_faults},
              {"pgmajfault", &Usage::major_page_faults}});
}

void parse_swap_current(std::string_view text, Usage& usage) {
  usage.swap_bytes = parse_number(text);
}

/// memory.oom_control and memory.events alike.
void parse_oom_kills(std::string_view text, Usage& usage) {
  take_pairs(text, usage, {{"oom_kill", &Usage::oom_kills}});
}

/// The device that a line which begins with "8:16 " is about; nullptr if it begins otherwise ("Total 0").
BlockUsage* device_of(std::string_view& line, Usage& usage) {
  if (!usage.blocks) usage.blocks.emplace();
  const auto number = parse_device_number(take(line, ' '));
  if (!number) return nullptr;
  auto& all = *usage.blocks;
  const auto same = [&](const BlockUsage& one) { return std::pair(one.major, one.minor) == *number; };
  auto found = std::find_if(all.begin(), all.end(), same);
  if (found == all.end()) found = all.insert(all.end(), {number->first, number->second});
  return &*found;
}

/// "8:0 Read 4096": io_service_bytes and io_serviced of blk-throttle.
void parse_throttle(std::string_view text, Usage& usage, std::uint64_t BlockUsage::*read,
                    std::uint64_t BlockUsage::*written) {
  if (!usage.blocks) usage.blocks.emplace();
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    BlockUsage* device = device_of(line, usage);
    if (!device) continue;
    const std::string_view operation = take(line, ' ');
    if (operation == "Read") device->*read = parse_number(line).value_or(0);
    if (operation == "Write") device->*written = parse_number(line).value_or(0);
  }
}

void parse_throttle_bytes(std::string_view text, Usage& usage) {
  parse_throttle(text, usage, &BlockUsage::read_bytes, &BlockUsage::written_bytes);
}

void parse_throttle_operations(std::string_view text, Usage& usage) {
  parse_throttle(text, usage, &BlockUsage::reads, &BlockUsage::writes);
}

/// "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0"; a device without I/O may have its number only.
void parse_io_stat(std::string_view text, Usage& usage) {
  if (!usage.blocks) usage.blocks.emplace();
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    BlockUsage* device = device_of(line, usage);
    if (!device) continue;
    while (!line.empty()) {
      std::string_view value = take(line, ' ');
      const std::string_view key = take(value, '=');
      if (key == "rbytes") device->read_bytes = parse_number(value).value_or(0);
      if (key == "wbytes") device->written_bytes = parse_number(value).value_or(0);
      if (key == "rios") device->reads = parse_number(value).value_or(0);
      if (key == "wios") device->writes = parse_number(value).value_or(0);
    }
  }
}

void parse_pids_current(std::string_view text, Usage& usage) {
  usage.processes = parse_number(text);
}

/// "12.34": the kernel writes nothing else, and std::from_chars took a tenth of what these files did.
double parse_percent(std::string_view text) {
  double digits = 0, unit = 1;
  bool fraction = false;
  for (const char c : text) {
    if (c == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + (c - '0');
    if (fraction) unit *= 10;
  }
  return digits / unit;
}

/// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"
Pressure parse_pressure(std::string_view text) {
  Pressure pressure;
  while (!text.empty()) {
    std::string_view words = take(text, '\n');
    const std::string_view which = take(words, ' ');
    Pressure::Line line;
    while (!words.empty()) {
      std::string_view value = take(words, ' ');
      const std::string_view key = take(value, '=');
      if (key == "avg10") line.avg10 = parse_percent(value);
      if (key == "avg60") line.avg60 = parse_percent(value);
      if (key == "avg300") line.avg300 = parse_percent(value);
      if (key == "total") line.total_us = parse_number(value).value_or(0);
    }
    if (which == "some") pressure.some = line;
    if (which == "full") pressure.full = line;
  }
  return pressure;
}

constexpr StatFile kStatFiles[] = {
    {Ask::Cpu, "cpuacct", 1, "cpuacct.usage", parse_cpuacct_usage},
    {Ask::CpuModes, "cpuacct", 1, "cpuacct.stat", parse_cpuacct_stat},
    {Ask::Cpu, "cpuacct", 2, "cpu.stat", parse_cpu_stat},
    {Ask::PerCpu, "cpuacct", 1, "cpuacct.usage_percpu", parse_cpuacct_usage_percpu},
    {Ask::Memory, "memory", 1, "memory.usage_in_bytes", parse_memory_usage},
    {Ask::Memory, "memory", 2, "memory.current", parse_memory_usage},
    {Ask::MemoryDetails, "memory", 1, "memory.stat", parse_memory_stat_v1},
    {Ask::MemoryDetails, "memory", 1, "payload/memory.oom_control", parse_oom_kills},
    {Ask::MemoryDetails, "memory", 2, "memory.stat", parse_memory_stat_v2},
    {Ask::MemoryDetails, "memory", 2, "memory.max", parse_memory_limit},
    {Ask::MemoryDetails, "memory", 2, "memory.swap.current", parse_swap_current},
    {Ask::MemoryDetails, "memory", 2, "memory.events", parse_oom_kills},
    {Ask::Blocks, "blkio", 1, "blkio.throttle.io_service_bytes_recursive", parse_throttle_bytes},
    {Ask::Blocks, "blkio", 1, "blkio.throttle.io_serviced_recursive", parse_throttle_operations},
    {Ask::Blocks, "blkio", 2, "io.stat", parse_io_stat},
    {Ask::Processes, "pids", 1, "pids.current", parse_pids_current},
    {Ask::Processes, "pids", 2, "pids.current", parse_pids_current},
    {Ask::CpuPressure, nullptr, 2, "cpu.pressure",
     [](std::string_view text, Usage& usage) { usage.cpu_pressure = parse_pressure(text); }},
    {Ask::MemoryPressure, nullptr, 2, "memory.pressure",
     [](std::string_view text, Usage& usage) { usage.memory_pressure = parse_pressure(text); }},
    {Ask::BlockPressure, nullptr, 2, "io.pressure",
     [](std::string_view text, Usage& usage) { usage.block_pressure = parse_pressure(text); }},
};

}  // namespace

BlockUsage& BlockUsage::operator+=(const BlockUsage& other) {
  reads += other.reads;
  read_bytes += other.read_bytes;
  writes += other.writes;
  written_bytes += other.written_bytes;
  return *this;
}

std::span<const StatFile> stat_files() {
  return kStatFiles;
}

Usage read_usage(Ask asked, const std::function<std::optional<std::string_view>(const StatFile&)>& read) {
  Usage usage;
  for (const auto& file : kStatFiles) {
    if (!asks(asked, file.answers)) continue;
    // Both files of blk-throttle list the same disks, which are none for most containers.
    if (file.parse == parse_throttle_operations && usage.blocks && usage.blocks->empty()) continue;
    if (const auto text = read(file)) file.parse(*text, usage);
  }
  return usage;
}

}  // namespace cgroup
