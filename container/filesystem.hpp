// A new file system instance through fsopen(2), fsconfig(2), fsmount(2).
#pragma once

#include <cstdint>

namespace container {

/// The detached mount, or -1 with errno. `options` as in MountStep.
int make_filesystem(const char* type, const char* source, const char* options, std::uint64_t attributes);
/// Adds MOUNT_ATTR_* to what the mount has (an atime mode replaces the other atime modes), makes it private. False with
/// errno.
bool add_attributes(int mount, std::uint64_t attributes, bool recursive);

}  // namespace container
