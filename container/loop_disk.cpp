#include "container/loop_disk.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"

namespace container {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr int kAttempts = 16;  // others look for a free device too

/// nullopt with errno.
std::optional<std::string> mark_of(const base::Fd& device) {
  loop_info64 info{};
  if (::ioctl(device.get(), LOOP_GET_STATUS64, &info) < 0) return std::nullopt;
  const char* name = reinterpret_cast<const char*>(info.lo_file_name);
  return std::string(name, ::strnlen(name, sizeof info.lo_file_name));
}

/// One that is just being let go of is none.
bool is_no_loop(int error) {
  return error == 0 || error == ENOENT || error == ENXIO || error == ENODEV;
}

/// Until `visit` says true. The errno for which one may have been missed, or 0.
int visit_loops(
    const std::function<bool(const std::string& path, const base::Fd& device, const std::string& mark)>& visit) {
  int missed = 0;
  const auto miss = [&missed](int error) {
    if (missed == 0 && !is_no_loop(error)) missed = error;
  };
  std::error_code error, unknown;
  for (fs::directory_iterator at("/sys/block", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (!name.starts_with("loop")) continue;
    // Only those that are bound to a file have it.
    const bool bound = fs::exists(at->path() / "loop/backing_file", unknown);
    miss(unknown.value());
    if (!bound) continue;
    const std::string path = "/dev/" + name;
    const base::Fd device(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto mark = device ? mark_of(device) : std::nullopt;
    if (!mark)
      miss(errno);
    else if (visit(path, device, *mark))
      return 0;
  }
  miss(error.value());
  return missed;
}

void detach(const std::string& path, const base::Fd& device) {
  if (::ioctl(device.get(), LOOP_CLR_FD, 0) < 0 && errno != ENXIO)
    base::log::warning("loop device '{}' stays behind: {}", path, std::strerror(errno));
}

void warn_of_missed(int error) {
  if (error != 0) base::log::warning("loop devices cannot all be looked at: {}", std::strerror(error));
}

/// A device's number as the kernel passes it on in 32 bits.
std::uint64_t kernel_number(dev_t device) {
  const std::uint64_t low = minor(device);
  return (low & 0xff) | (std::uint64_t{major(device)} << 8) | ((low & ~std::uint64_t{0xff}) << 12);
}

std::string prefix_of(const std::string& uuid) {
  return "lxcell:" + uuid + ":";
}

}  // namespace

std::string loop_mark(const std::string& uuid, const std::string& target) {
  std::string mark = prefix_of(uuid) + target;
  if (mark.size() >= LO_NAME_SIZE) base::fail(Code::ConfigUnsupported, "disk '", target, "': the target is too long");
  return mark;
}

namespace {

/// Whether a device shows the file of `status` such that it may change under whoever else does.
bool clashes(const base::Fd& device, const struct stat& status, bool readonly) {
  loop_info64 info{};
  if (::ioctl(device.get(), LOOP_GET_STATUS64, &info) < 0) return false;
  const bool same = info.lo_inode == status.st_ino && info.lo_device == kernel_number(status.st_dev);
  return same && !(readonly && (info.lo_flags & LO_FLAGS_READ_ONLY) != 0);
}

LoopFile bind_loop(const std::string& file, const base::Fd& backing, std::uint32_t flags, const std::string& name) {
  const base::Fd control = base::open_file("/dev/loop-control", O_RDWR);
  loop_config wanted{};
  wanted.fd = static_cast<std::uint32_t>(backing.get());
  wanted.info.lo_flags = flags;
  name.copy(reinterpret_cast<char*>(wanted.info.lo_file_name), LO_NAME_SIZE - 1);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) break;
    const std::string path = "/dev/loop" + std::to_string(number);
    base::Fd device = base::open_file(path, O_RDWR);
    if (::ioctl(device.get(), LOOP_CONFIGURE, &wanted) == 0) return {path, std::move(device)};
    if (errno != EBUSY) break;
  }
  base::fail_errno(Code::SystemError, "cannot make a loop device of '", file, "'");
}

base::Fd open_backing(const std::string& file, bool readonly) {
  return base::open_file(file, readonly ? O_RDONLY : O_RDWR);
}

std::uint32_t access_flags(bool readonly) {
  return readonly ? std::uint32_t{LO_FLAGS_READ_ONLY} : 0;
}

}  // namespace

LoopDisk LoopDisk::attach(const std::string& file, bool readonly, const std::string& mark) {
  bind_loop(file, open_backing(file, readonly), access_flags(readonly), mark);
  return LoopDisk(mark);
}

LoopFile open_loop(const std::string& file, bool readonly) {
  static std::mutex looking;  // or two would see that there is none
  const base::Fd backing = open_backing(file, readonly);
  struct stat status {};
  if (::fstat(backing.get(), &status) < 0) base::fail_errno(Code::SystemError, "cannot access '", file, "'");
  const std::scoped_lock lock(looking);
  visit_loops([&](const std::string& path, const base::Fd& device, const std::string&) {
    if (clashes(device, status, readonly))
      base::fail(Code::ResourceBusy, "image '", file, "' is in use already, as '", path, "'");
    return false;
  });
  const LoopFile bound = bind_loop(file, backing, access_flags(readonly) | LO_FLAGS_AUTOCLEAR, file);
  // Not for writing, which a host may forbid on a device that has a file system mounted.
  return {bound.path, base::open_file(bound.path, O_RDONLY)};
}

LoopDisk::LoopDisk(LoopDisk&& other) noexcept : mark_(std::exchange(other.mark_, {})) {}

LoopDisk& LoopDisk::operator=(LoopDisk&& other) noexcept {
  std::swap(mark_, other.mark_);
  return *this;
}

LoopDisk::~LoopDisk() {
  if (!mark_.empty()) detach_loop(mark_);
}

std::vector<LoopDisk> attach_loops(const std::vector<GivenDevice>& devices) {
  std::vector<LoopDisk> loops;
  for (const auto& device : devices)
    if (device.kind == GivenDevice::Kind::Loop)
      loops.push_back(LoopDisk::attach(device.file, device.readonly, device.source));
  return loops;
}

std::optional<std::string> find_loop(const std::string& mark, int* missed) {
  std::optional<std::string> found;
  const int error = visit_loops([&](const std::string& path, const base::Fd&, const std::string& own) {
    if (own == mark) found = path;
    return found.has_value();
  });
  if (missed) *missed = error;
  return found;
}

void detach_loop(const std::string& mark) noexcept {
  warn_of_missed(visit_loops([&](const std::string& path, const base::Fd& device, const std::string& own) {
    if (own == mark) detach(path, device);
    return own == mark;
  }));
}

void detach_loops_of(const std::string& uuid) noexcept {
  warn_of_missed(
      visit_loops([prefix = prefix_of(uuid)](const std::string& path, const base::Fd& device, const std::string& own) {
        if (own.starts_with(prefix)) detach(path, device);
        return false;
      }));
}

}  // namespace container
