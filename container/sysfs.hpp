// Small readers of sysfs and procfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace container {

/// First line of a small file, nullopt if it cannot be read.
std::optional<std::string> first_line(const std::string& path);
/// The number a text begins with, after blanks.
std::optional<std::uint64_t> parse_number(std::string_view text);
/// The number in a file, `otherwise` if there is none.
std::uint64_t number_in(const std::string& path, std::uint64_t otherwise);
/// The members of a list ("0-3,8") in a file; none if it cannot be read.
std::vector<unsigned> list_in(const std::string& path);
/// Names in a directory in order, hidden ones left out; none if it cannot be read.
std::vector<std::string> entries(const std::string& directory);
/// KiB of `key` in a text as /proc/meminfo or a node's: "MemTotal:  1234 kB", "Node 0 MemTotal:  1234 kB".
std::optional<std::uint64_t> meminfo_value(std::string_view text, std::string_view key);
/// Sizes of "hugepages-2048kB" and its like in a directory, in KiB, ascending.
std::vector<unsigned> huge_page_sizes(const std::string& directory);
unsigned base_page_kib();

}  // namespace container
