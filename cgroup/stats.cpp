#include "cgroup/stats.hpp"

#include "cgroup/limits.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kNsPerUs = 1'000;

}  // namespace

Usage parse_usage(const UsageTexts& texts, long ticks_per_second) {
  Usage usage;
  if (texts.cpuacct_usage) usage.cpu_ns = parse_number(*texts.cpuacct_usage).value_or(0);
  if (texts.cpuacct_stat) {
    const std::uint64_t ns_per_tick = kNsPerSecond / static_cast<std::uint64_t>(ticks_per_second);
    usage.cpu_user_ns = value_of(*texts.cpuacct_stat, "user").value_or(0) * ns_per_tick;
    usage.cpu_system_ns = value_of(*texts.cpuacct_stat, "system").value_or(0) * ns_per_tick;
  }
  if (texts.cpu_stat) {
    usage.cpu_ns = value_of(*texts.cpu_stat, "usage_usec").value_or(0) * kNsPerUs;
    usage.cpu_user_ns = value_of(*texts.cpu_stat, "user_usec").value_or(0) * kNsPerUs;
    usage.cpu_system_ns = value_of(*texts.cpu_stat, "system_usec").value_or(0) * kNsPerUs;
  }
  if (texts.memory_usage) usage.memory_bytes = parse_number(*texts.memory_usage).value_or(0);
  if (texts.memory_limit) {
    usage.memory_limit_bytes = parse_number(*texts.memory_limit);
    if (usage.memory_limit_bytes.value_or(0) >= kUnlimitedBytes) usage.memory_limit_bytes.reset();
  }
  return usage;
}

}  // namespace cgroup
