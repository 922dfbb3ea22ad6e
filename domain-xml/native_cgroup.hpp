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

/// Devices every container may use, as devices.allow names them.
inline constexpr const char* kAlwaysAllowedDevices[] = {"c 1:3", "c 1:5", "c 1:7",   "c 1:8",   "c 1:9",
                                                        "c 5:0", "c 5:2", "c 136:*", "c 10:229"};

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

/// v2's weights, 1 to 10000, stretched over v1's shares, 2 to 262144; a weight comes back as it was.
std::uint64_t cpu_weight_of_shares(std::uint64_t shares);
std::uint64_t cpu_shares_of_weight(std::uint64_t weight);

}  // namespace domain_xml
