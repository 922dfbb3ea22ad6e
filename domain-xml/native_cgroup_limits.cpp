// Limits of a definition, each with the range the kernel allows.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/native_cgroup.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

constexpr std::uint64_t kMinShares = 2, kMaxShares = 262144, kMinWeight = 1, kMaxWeight = 10000;
constexpr std::int64_t kMaxQuota = 17592186044415;

void require_range(const std::string& origin, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value < low || value > high) fail(Code::InvalidArg, origin, ": must be in range ", low, " to ", high);
}

std::string native_list(const std::string& origin, const std::string& list) {
  try {
    return canonical_cpuset(list);
  } catch (const base::Error& error) {
    fail(error.code(), origin, ": ", error.detail());
  }
}

bool is_device_number(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return false;
  const auto is_number = [](const std::string& part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string::npos && part.size() <= 10;
  };
  return is_number(text.substr(0, colon)) && is_number(text.substr(colon + 1));
}

constexpr std::string_view kBlockFolder = "/dev/block/";

}  // namespace

void set_memory_limit(Conversion& conversion, std::optional<std::uint64_t> bytes, const std::string& origin) {
  DomainDefinition& definition = conversion.definition;
  if (bytes == 0u) fail(Code::InvalidArg, origin, ": a container needs memory");
  const std::uint64_t kib = bytes ? std::min(kib_of(*bytes), kUnlimitedKib) : kUnlimitedKib;
  definition.memory_kib = kib;
  definition.memory_tune.hard_limit_kib = kib == kUnlimitedKib ? std::nullopt : std::optional(kib);
}

void set_cpu_shares(Conversion& conversion, const std::string& origin, std::uint64_t shares) {
  require_range(origin, shares, kMinShares, kMaxShares);
  conversion.definition.cpu_tune.shares = shares;
}

void set_cpu_period(Conversion& conversion, const std::string& origin, std::uint64_t period_us) {
  require_range(origin, period_us, 1000, 1000000);
  conversion.definition.cpu_tune.period_us = period_us;
}

void set_cpu_quota(Conversion& conversion, const std::string& origin, std::int64_t quota_us) {
  if (quota_us >= 0) require_range(origin, static_cast<std::uint64_t>(quota_us), 1000, kMaxQuota);
  conversion.definition.cpu_tune.quota_us = std::max<std::int64_t>(quota_us, -1);
}

void set_cpuset(Conversion& conversion, const std::string& origin, const std::string& list) {
  conversion.definition.cpuset = native_list(origin, list);
}

void set_memory_nodes(Conversion& conversion, const std::string& origin, const std::string& list) {
  const std::string nodes = native_list(origin, list);
  if (nodes.empty())
    conversion.definition.numa_tune.reset();
  else
    conversion.definition.numa_tune = NumaTune{.mode = NumaMode::Strict, .nodeset = nodes};
}

void set_block_weight(Conversion& conversion, const std::string& origin, std::uint64_t weight) {
  require_range(origin, weight, 1, kMaxWeight);
  conversion.definition.block_tune.weight = static_cast<unsigned>(weight);
}

BlockDeviceTune& block_device(Conversion& conversion, const std::string& origin, const std::string& number) {
  if (!is_device_number(number)) fail(Code::InvalidArg, origin, ": a device number such as 8:0 is needed");
  // udev keeps a link of this name to every block device; stock's converter says it so too.
  const std::string path = std::string(kBlockFolder) + number;
  auto& devices = conversion.definition.block_tune.devices;
  const auto known =
      std::find_if(devices.begin(), devices.end(), [&](const auto& device) { return device.path == path; });
  return known == devices.end() ? devices.emplace_back(BlockDeviceTune{.path = path}) : *known;
}

std::optional<std::string> block_device_number(const std::string& path) {
  if (!path.starts_with(kBlockFolder)) return std::nullopt;
  std::string number = path.substr(kBlockFolder.size());
  return is_device_number(number) ? std::optional(std::move(number)) : std::nullopt;
}

std::uint64_t cpu_weight_of_shares(std::uint64_t shares) {
  const std::uint64_t in_range = std::clamp(shares, kMinShares, kMaxShares);
  return kMinWeight + (in_range - kMinShares) * (kMaxWeight - kMinWeight) / (kMaxShares - kMinShares);
}

std::uint64_t cpu_shares_of_weight(std::uint64_t weight) {
  const std::uint64_t in_range = std::clamp(weight, kMinWeight, kMaxWeight);
  // Rounded up, so that the way back gives the same weight.
  constexpr std::uint64_t kWeights = kMaxWeight - kMinWeight;
  return kMinShares + ((in_range - kMinWeight) * (kMaxShares - kMinShares) + kWeights - 1) / kWeights;
}

}  // namespace domain_xml
