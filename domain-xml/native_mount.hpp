// Mounts as fstab(5) lines and OCI mounts say them, to filesystems of a definition.
#pragma once

#include <string>
#include <vector>

#include "domain-xml/native_parts.hpp"

namespace domain_xml {

struct ForeignMount {
  std::string source, target, type;  // the target absolute, as the container sees it
  std::vector<std::string> options;
};

/// Adds a filesystem; leaves out what cannot be one. Kernel filesystems that every container has are passed over.
void add_mount(Conversion& conversion, const std::string& origin, const ForeignMount& mount);

/// The mount a filesystem stands for; nullopt when no other program knows its type.
std::optional<ForeignMount> mount_of(const Filesystem& filesystem);

}  // namespace domain_xml
