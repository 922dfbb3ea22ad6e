// What a container has used, read from the kernel's files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cgroup {

struct Usage {
  std::uint64_t cpu_ns = 0, cpu_user_ns = 0, cpu_system_ns = 0;
  std::uint64_t memory_bytes = 0;
  std::optional<std::uint64_t> memory_limit_bytes;
};

/// Texts of the kernel's files; nullopt where the hierarchy has no such file.
struct UsageTexts {
  std::optional<std::string> cpuacct_usage, cpuacct_stat, memory_usage,
      memory_limit;                     // v1, or memory.current/max of v2
  std::optional<std::string> cpu_stat;  // v2
};

/// `ticks_per_second` is USER_HZ, the unit of cpuacct.stat.
Usage parse_usage(const UsageTexts& texts, long ticks_per_second);

}  // namespace cgroup
