#include "container/storage.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/sysfs.hpp"

namespace container {
namespace {

using base::Code;

constexpr std::uint64_t kSectorBytes = 512;  // of st_blocks, stat(2)

std::string in_sysfs(DiskNumber disk) {
  return "/sys/dev/block/" + std::to_string(disk.major) + ":" + std::to_string(disk.minor);
}

/// Where sysfs keeps the device; empty if there is none.
std::filesystem::path home_of(DiskNumber disk) {
  std::error_code error;
  return std::filesystem::canonical(in_sysfs(disk), error);
}

/// "8:0\n"
std::optional<DiskNumber> parse_disk_number(const std::string& text) {
  DiskNumber disk;
  if (std::sscanf(text.c_str(), "%u:%u", &disk.major, &disk.minor) != 2) return std::nullopt;
  return disk;
}

/// A partition's directory lies in that of its disk.
std::optional<DiskNumber> whole_disk(DiskNumber disk) {
  const auto home = home_of(disk);
  if (home.empty()) return std::nullopt;
  if (!std::filesystem::exists(home / "partition")) return disk;
  const auto number = first_line((home.parent_path() / "dev").string());
  return number ? parse_disk_number(*number) : std::nullopt;
}

StorageSize size_of_file_system(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) < 0)
    base::fail_errno(Code::SystemError, "cannot ask for the size of file system '", path, "'");
  const std::uint64_t capacity = status.f_blocks * status.f_frsize;
  return {capacity, (status.f_blocks - status.f_bfree) * status.f_frsize, capacity};
}

StorageSize size_of_device(const std::string& path) {
  const base::Fd fd = base::open_file(path, O_RDONLY | O_NONBLOCK);
  std::uint64_t bytes = 0;
  if (::ioctl(fd.get(), BLKGETSIZE64, &bytes) < 0)
    base::fail_errno(Code::SystemError, "cannot ask for the size of '", path, "'");
  return {bytes, bytes, bytes};
}

}  // namespace

StorageSize read_storage_size(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) base::fail_errno(Code::SystemError, "cannot access '", path, "'");
  if (S_ISDIR(status.st_mode)) return size_of_file_system(path);
  if (S_ISBLK(status.st_mode)) return size_of_device(path);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return {size, static_cast<std::uint64_t>(status.st_blocks) * kSectorBytes, size};
}

std::optional<DiskNumber> Disks::under(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) return std::nullopt;
  const dev_t device = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
  const DiskNumber number{major(device), minor(device)};
  const auto known = whole_.find(number);
  return known != whole_.end() ? known->second : whole_.emplace(number, whole_disk(number)).first->second;
}

const std::string& Disks::name(DiskNumber disk) {
  const auto known = names_.find(disk);
  if (known != names_.end()) return known->second;
  const auto home = home_of(disk);
  const std::string number = std::to_string(disk.major) + ":" + std::to_string(disk.minor);
  return names_.emplace(disk, home.empty() ? number : home.filename().string()).first->second;
}

}  // namespace container
