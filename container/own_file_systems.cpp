#include "container/own_file_systems.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"

namespace container {
namespace {

using base::Code;

bool same_device(const GuestMount& one, const GuestMount& other) {
  return one.major == other.major && one.minor == other.minor;
}

/// What is frozen as a whole lies on a device: the kernel numbers all others with a major of 0, and btrfs too.
bool has_device(const GuestMount& mount) {
  return mount.major != 0 || mount.type == "btrfs";
}

}  // namespace

std::vector<GuestMount> choose_own(const std::vector<GuestMount>& inside, const std::vector<GuestMount>& host,
                                   const std::vector<std::string>& wanted) {
  const auto is_own = [&](const GuestMount& mount) {
    return has_device(mount) &&
           std::ranges::none_of(host, [&](const auto& other) { return same_device(mount, other); });
  };
  for (const auto& path : wanted)
    if (std::ranges::none_of(inside, [&](const auto& mount) { return mount.mount_point == path && is_own(mount); }))
      base::fail(Code::InvalidArg, "'", path, "' is no file system of the container's own");
  std::vector<GuestMount> chosen;
  for (const auto& mount : inside) {
    if (!is_own(mount)) continue;
    if (!wanted.empty() && std::ranges::find(wanted, mount.mount_point) == wanted.end()) continue;
    if (std::ranges::any_of(chosen, [&](const auto& other) { return same_device(mount, other); })) continue;
    chosen.push_back(mount);
  }
  return chosen;
}

std::vector<OwnFileSystem> open_file_systems(int root, const std::vector<GuestMount>& mounts) {
  std::vector<OwnFileSystem> opened;
  for (const auto& mount : mounts) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    base::Fd fd(static_cast<int>(::syscall(SYS_openat2, root, mount.mount_point.c_str(), &how, sizeof how)));
    struct stat facts {};
    if (!fd || ::fstat(fd.get(), &facts) < 0) continue;
    // A device number of btrfs is that of a part of it, never the mount's.
    if (mount.type != "btrfs" && (major(facts.st_dev) != mount.major || minor(facts.st_dev) != mount.minor)) continue;
    opened.push_back({mount.mount_point, std::move(fd)});
  }
  return opened;
}

std::vector<OwnFileSystem> freeze(std::vector<OwnFileSystem> systems) {
  std::vector<OwnFileSystem> frozen;
  for (auto& system : systems) {
    if (::ioctl(system.fd.get(), FIFREEZE, 0) == 0) {
      frozen.push_back(std::move(system));
    } else if (errno != EOPNOTSUPP && errno != EBUSY) {  // cannot be, or is already
      const int why = errno;
      thaw(frozen);
      base::fail_errno_value(why, Code::SystemError, "cannot freeze '", system.mount_point, "'");
    }
  }
  return frozen;
}

unsigned thaw(std::span<const OwnFileSystem> systems) noexcept {
  unsigned thawed = 0;
  for (const auto& system : systems) {
    if (::ioctl(system.fd.get(), FITHAW, 0) == 0)
      ++thawed;
    else if (errno != EINVAL && errno != EOPNOTSUPP)  // was not frozen, or cannot be
      base::log::warning("cannot thaw '{}': errno {}", system.mount_point, errno);
  }
  return thawed;
}

void trim(std::span<const OwnFileSystem> systems, std::uint64_t minimum) {
  bool trimmed = false;
  for (const auto& system : systems) {
    fstrim_range range{0, UINT64_MAX, minimum};
    if (::ioctl(system.fd.get(), FITRIM, &range) == 0)
      trimmed = true;
    else if (errno != EOPNOTSUPP)
      base::fail_errno(Code::SystemError, "cannot trim '", system.mount_point, "'");
  }
  if (!trimmed) base::fail(Code::OperationUnsupported, "no device below the container's file systems can discard");
}

}  // namespace container
