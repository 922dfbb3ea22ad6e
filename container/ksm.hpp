// Kernel same-page merging (admin-guide/mm/ksm.rst): what can be set, and what it achieved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace container {

inline constexpr const char* kKsmDirectory = "/sys/kernel/mm/ksm";

struct Ksm {
  std::optional<std::uint64_t> pages_to_scan, sleep_millisecs, merge_across_nodes;  // settable
  std::optional<std::uint64_t> pages_shared, pages_sharing, pages_unshared, pages_volatile, full_scans;
  bool operator==(const Ksm&) const = default;
};

/// Members whose files this kernel lacks are absent.
Ksm read_ksm(const std::string& directory = kKsmDirectory);
/// Sets those of the settable members that are there, all or none. Throws SystemError naming the file.
void change_ksm(const Ksm& wanted, const std::string& directory = kKsmDirectory);

}  // namespace container
