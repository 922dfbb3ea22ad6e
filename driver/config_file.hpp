// The syntax of libvirt's configuration files: "key = value" lines, where a value is a number, a text in one of three
// kinds of quotes, or a list of texts, which may span lines; # begins a comment.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace driver {

struct ConfigEntry {
  int line = 0;  // from 1
  std::string key;
  std::variant<long, std::string, std::vector<std::string>> value;
};

/// In order; a key may come twice. Throws ConfSyntax naming file and line.
std::vector<ConfigEntry> parse_config_file(std::string_view text, const std::string& file);

}  // namespace driver
