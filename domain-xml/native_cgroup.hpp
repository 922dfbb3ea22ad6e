// Values of the kernel's cgroup files, as foreign configurations carry them, to limits of a definition.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain-xml/native_parts.hpp"

namespace domain_xml {

class CgroupReader {
 public:
  explicit CgroupReader(Conversion& conversion) : conversion_(conversion) {}

  /// `version` 1 or 2. `file` such as "memory.max"; one without a counterpart is left out.
  void read(int version, const std::string& origin, const std::string& file, const std::string& value);
  /// To be called once all files are read: some only mean something together.
  void finish();

 private:
  Conversion& conversion_;
  std::optional<std::uint64_t> swap_kib_;  // v2 counts swap alone, a definition memory and swap together
  std::string swap_origin_;
};

// One limit each, for what is said without cgroup files.
void set_memory_limit(Conversion& conversion, std::optional<std::uint64_t> bytes, const std::string& origin);
void set_cpu_shares(Conversion& conversion, const std::string& origin, std::uint64_t shares);
void set_cpu_period(Conversion& conversion, const std::string& origin, std::uint64_t period_us);
/// Negative is unlimited.
void set_cpu_quota(Conversion& conversion, const std::string& origin, std::int64_t quota_us);
void set_cpuset(Conversion& conversion, const std::string& origin, const std::string& list);
void set_memory_nodes(Conversion& conversion, const std::string& origin, const std::string& list);
void set_block_weight(Conversion& conversion, const std::string& origin, std::uint64_t weight);

/// The device "8:0" in the definition, made when it is the first time.
BlockDeviceTune& block_device(Conversion& conversion, const std::string& origin, const std::string& number);
/// "8:0" of "/dev/block/8:0"; nullopt for other paths, whose number only the host knows.
std::optional<std::string> block_device_number(const std::string& path);

/// The kernel's default of one scale is that of the other in neither direction; both ends of the ranges are.
std::uint64_t cpu_weight_of_shares(std::uint64_t shares);
std::uint64_t cpu_shares_of_weight(std::uint64_t weight);

}  // namespace domain_xml
