#include "container/sysfs.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "domain-xml/cpuset.hpp"

namespace container {

std::optional<std::string> first_line(const std::string& path) {
  try {
    std::string text = base::read_file(path);
    return text.substr(0, text.find('\n'));
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const auto start = text.find_first_not_of(" \t");
  if (start == text.npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data() + start, text.data() + text.size(), value);
  if (result.ec != std::errc{}) return std::nullopt;
  return value;
}

std::uint64_t number_in(const std::string& path, std::uint64_t otherwise) {
  const auto line = first_line(path);
  return (line ? parse_number(*line) : std::nullopt).value_or(otherwise);
}

std::vector<unsigned> list_in(const std::string& path) {
  const auto line = first_line(path);
  if (!line || line->empty()) return {};
  return domain_xml::cpuset_members(*line);
}

std::vector<std::string> entries(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
  std::vector<std::string> names;
  if (!open) return names;
  while (const dirent* entry = ::readdir(open.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::uint64_t> meminfo_value(std::string_view text, std::string_view key) {
  for (auto at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
    const bool whole_word = at == 0 || text[at - 1] == '\n' || text[at - 1] == ' ';
    if (whole_word && text.substr(at + key.size()).starts_with(':'))
      return parse_number(text.substr(at + key.size() + 1));
  }
  return std::nullopt;
}

std::vector<unsigned> huge_page_sizes(const std::string& directory) {
  std::vector<unsigned> sizes;
  for (const auto& name : entries(directory))
    if (name.starts_with("hugepages-"))
      if (const auto size = parse_number(name.substr(10))) sizes.push_back(static_cast<unsigned>(*size));
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

unsigned base_page_kib() {
  return static_cast<unsigned>(::sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace container
