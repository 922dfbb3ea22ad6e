// Small readers for the kernel's file formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cgroup {

/// Parts of `text` between any of the characters in `separators`; empty parts are left out.
std::vector<std::string> split(std::string_view text, std::string_view separators);
std::string trim(std::string_view text);
/// A path as mountinfo has it, with \ooo for blanks and backslashes (proc(5)).
std::string unescape_path(std::string_view text);
/// The number a text begins with; nullopt if it begins with none ("max") or does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text);
/// "8:16", as the kernel names a block device: major, minor.
std::optional<std::pair<unsigned, unsigned>> parse_device_number(std::string_view text);
/// Value of `key` in "key value" lines, as in cpu.stat, cgroup.events and cpuacct.stat.
std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key);

}  // namespace cgroup
