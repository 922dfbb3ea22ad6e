// Names of systemd units for a resource partition. Pure.
#pragma once

#include <string>
#include <string_view>

namespace cgroup {

/// The part of the tree that systemd leaves to us: a scope, in the slice of its partition.
struct ScopePlace {
  std::string slice;  // "machine-web.slice"
  std::string scope;  // "machine-web-lxcell.scope"
  std::string path;   // "/machine.slice/machine-web.slice/machine-web-lxcell.scope", below every cgroup mount
  bool operator==(const ScopePlace&) const = default;
};

/// One word as part of a unit's name, as systemd-escape(1) has it: everything but [A-Za-z0-9:_.] becomes \xNN, and so
/// does a leading dot.
std::string escape_unit_name(std::string_view word);

/// The slice of a partition is named as libvirt names it: "/machine/web" is machine-web.slice, "/" the root slice.
/// Throws InvalidArg if a part is "." or "..", or the name is longer than systemd's 255.
ScopePlace place_scope(const std::string& partition);

}  // namespace cgroup
