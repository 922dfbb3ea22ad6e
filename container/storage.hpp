// What lies under a container's filesystems and disks on the host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace container {

/// In bytes. A directory stands for the file system it is on.
struct StorageSize {
  std::uint64_t capacity = 0, allocation = 0, physical = 0;
  bool operator==(const StorageSize&) const = default;
};
/// Of a directory, file or block device. Throws SystemError naming the path. Waits if it is on a server that is away.
StorageSize read_storage_size(const std::string& path);

/// A whole disk, as cgroups count I/O by: never a partition.
struct DiskNumber {
  unsigned major = 0, minor = 0;
  auto operator<=>(const DiskNumber&) const = default;
};

/// Looks disks up in sysfs, each once.
class Disks {
 public:
  /// The disk that a path lies on, or is. nullopt when the kernel does not tell: no such path, or its file system has
  /// no device (tmpfs, overlayfs, btrfs, NFS). Waits if it is on a server that is away.
  std::optional<DiskNumber> under(const std::string& path);
  /// The kernel's name of a disk, "vda"; "8:0" if it has none any more.
  const std::string& name(DiskNumber disk);

 private:
  std::map<DiskNumber, std::optional<DiskNumber>> whole_;
  std::map<DiskNumber, std::string> names_;
};

}  // namespace container
