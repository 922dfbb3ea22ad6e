// File systems that are a container's alone, to be frozen, thawed and trimmed as wholes: those mounted in it from a
// block device and mounted nowhere on the host, where others would wait for the thaw too.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "container/guest_text.hpp"

namespace container {

/// Pure: one mount of each file system of `inside` that has no mount in `host`; only those at `wanted` unless that is
/// empty. Throws InvalidArg naming a wanted path that is none.
std::vector<GuestMount> choose_own(const std::vector<GuestMount>& inside, const std::vector<GuestMount>& host,
                                   const std::vector<std::string>& wanted);

/// A descriptor that keeps the file system, so that it can be thawed also when the container is gone.
struct OwnFileSystem {
  std::string mount_point;
  base::Fd fd;
};
/// `root`: the container's "/", which no path leaves. One whose mount point is covered or gone is left out.
std::vector<OwnFileSystem> open_file_systems(int root, const std::vector<GuestMount>& mounts);

/// FIFREEZE (ioctl_fsfreeze): those that were frozen by this and can be. All or nothing; throws SystemError.
std::vector<OwnFileSystem> freeze(std::vector<OwnFileSystem> systems);
/// How many were frozen. Never throws; what cannot be thawed is said in the log.
unsigned thaw(std::span<const OwnFileSystem> systems) noexcept;
/// FITRIM: discards unused blocks of at least `minimum` bytes. Throws OperationUnsupported when no device can.
void trim(std::span<const OwnFileSystem> systems, std::uint64_t minimum);

}  // namespace container
