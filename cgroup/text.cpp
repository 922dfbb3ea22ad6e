#include "cgroup/text.hpp"

#include <charconv>

namespace cgroup {

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find_first_of(separators);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::string trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

std::string unescape_path(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = text.substr(i + 1, 3);
    const bool escaped = text[i] == '\\' && octal.size() == 3 && octal.find_first_not_of("01234567") == octal.npos;
    if (!escaped) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>((octal[0] - '0') * 64 + (octal[1] - '0') * 8 + (octal[2] - '0'));
    i += 3;
  }
  return plain;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::pair<unsigned, unsigned>> parse_device_number(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = parse_number(text.substr(0, colon)), minor = parse_number(text.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  return std::pair(static_cast<unsigned>(*major), static_cast<unsigned>(*minor));
}

std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key) {
  for (const auto& line : split(text, "\n")) {
    if (line.size() <= key.size() || line.compare(0, key.size(), key) != 0 || line[key.size()] != ' ') continue;
    return parse_number(std::string_view(line).substr(key.size() + 1));
  }
  return std::nullopt;
}

}  // namespace cgroup
