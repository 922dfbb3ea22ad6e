// v2: a directory has a controller's files only if every directory above it passes the controller on.
#pragma once

#include <set>
#include <string>

#include "cgroup/directory.hpp"
#include "cgroup/hierarchy.hpp"

namespace cgroup {

/// "io" for "blkio"; others have one name on both versions.
std::string v2_name(const std::string& controller);

/// Makes the controllers a container uses available in `container` (at `path` below the mount) and in its leaves, from
/// the top down. Ones in `needed` must succeed (SystemError otherwise); others are left out where the host refuses
/// them.
void enable_controllers(const Mount& mount, const Directory& container, const std::string& path,
                        const std::set<std::string>& needed);

}  // namespace cgroup
