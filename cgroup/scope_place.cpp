#include "cgroup/scope_place.hpp"

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

constexpr std::size_t kMaxUnitName = 255;  // systemd.unit(5)
/// The word before the dot of kernel files in a cgroup.
constexpr std::string_view kControllers[] = {"cgroup", "cpu",     "cpuacct", "cpuset", "io",
                                             "blkio",  "devices", "memory",  "pids"};

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '_' || c == '.';
}

/// A unit whose cgroup could be taken for a kernel file gets an underscore there (measured with systemd 252 and 257).
std::string cgroup_name(const std::string& unit) {
  const std::string_view word = std::string_view(unit).substr(0, unit.find('.'));
  const bool taken = std::find(std::begin(kControllers), std::end(kControllers), word) != std::end(kControllers);
  return taken || unit.front() == '_' ? "_" + unit : unit;
}

}  // namespace

std::string escape_unit_name(std::string_view word) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name;
  for (const char c : word) {
    if (is_plain(c) && !(c == '.' && name.empty())) {
      name += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name += "\\x";
    name += kDigits[byte / 16];
    name += kDigits[byte % 16];
  }
  return name;
}

ScopePlace place_scope(const std::string& partition) {
  std::string prefix;  // a slice's name says which slices it is in: a-b.slice is in a.slice
  ScopePlace place{"-.slice", "", ""};
  for (const auto& word : split(partition, "/")) {
    if (word == "." || word == "..") base::fail(base::Code::InvalidArg, "invalid resource partition '", partition, "'");
    prefix += escape_unit_name(word);
    place.slice = prefix + ".slice";
    place.path += "/" + cgroup_name(place.slice);
    prefix += "-";
  }
  place.scope = prefix + "lxcell.scope";
  place.path += "/" + cgroup_name(place.scope);
  if (place.scope.size() > kMaxUnitName)
    base::fail(base::Code::InvalidArg, "resource partition '", partition, "' is too long for the name of a unit");
  return place;
}

}  // namespace cgroup
