#include "container/host_facts.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/second_try.hpp"
#include "cgroup/systemd.hpp"
#include "cgroup/text.hpp"
#include "container/loop_disk.hpp"
#include "container/within.hpp"

namespace container {

std::string host_arch() {
  utsname names{};
  if (::uname(&names) < 0) base::fail_errno(base::Code::SystemError, "cannot read the machine name");
  const std::string machine = names.machine;
  if (machine == "i386" || machine == "i486" || machine == "i586") return "i686";
  if (machine == "amd64") return "x86_64";
  return machine;
}

namespace {

/// user_namespaces(7), namespaces(7): the file of the limit is there where the kernel has them.
bool may_make(const char* limit_file) {
  const base::Fd limit(::open(limit_file, O_RDONLY | O_CLOEXEC));
  if (!limit && base::is_shortage(errno)) base::fail_errno(base::Code::SystemError, "cannot open '", limit_file, "'");
  char digit = 0;
  return limit && ::read(limit.get(), &digit, 1) == 1 && digit != '0';
}

bool may_open_fuse() {
  const base::Fd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));  // which loads the module
  if (!fuse && base::is_shortage(errno)) base::fail_errno(base::Code::SystemError, "cannot open '/dev/fuse'");
  return static_cast<bool>(fuse);
}

/// Also within a container that is allowed most things, as some daemons are.
bool may_set_clocks() {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> held(::cap_get_proc(), ::cap_free);
  cap_flag_value_t value = CAP_CLEAR;
  return held && ::cap_get_flag(held.get(), CAP_SYS_TIME, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

HostFacts look_at_host() {
  HostFacts facts;
  facts.arch = host_arch();
  facts.last_capability =
      static_cast<unsigned>(std::strtoul(base::read_file("/proc/sys/kernel/cap_last_cap").c_str(), nullptr, 10));
  facts.cgroups = cgroup::Hierarchy::detect();
  facts.systemd = cgroup::systemd_owns_tree();
  facts.fuse = may_open_fuse();
  facts.user_namespaces = may_make("/proc/sys/user/max_user_namespaces");
  facts.time_namespaces = may_set_clocks() && may_make("/proc/sys/user/max_time_namespaces");
  return facts;
}

}  // namespace

/// Never a guess: without user namespaces, which may just not have been looked for, containers are less confined.
HostFacts read_host_facts() {
  return base::with_second_try(look_at_host);
}

std::string online_cpus() {
  return cgroup::trim(base::read_file("/sys/devices/system/cpu/online"));
}

std::vector<std::string> read_lxcfs_files(const std::string& directory) {
  // Without asking its server, for the many hosts that have the directory at most.
  struct statx root {};
  const int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
  if (::statx(AT_FDCWD, directory.c_str(), flags, STATX_TYPE, &root) < 0) return {};
  if ((root.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return {};
  std::vector<std::string> files;
  for (const char* file : {"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/stat",
                           "/proc/swaps", "/proc/uptime", "/sys/devices/system/cpu/online"})
    if (::access((directory + file).c_str(), R_OK) == 0) files.emplace_back(file);
  return files;
}

namespace {

/// `asking`: 0, or AT_STATX_DONT_SYNC for what the kernel knows without asking a file system's server.
SourceFacts look_at(int directory, const char* path, int asking) {
  SourceFacts facts;
  struct statx status {};
  if (::statx(directory, path, asking | AT_EMPTY_PATH, STATX_TYPE | STATX_UID, &status) < 0)
    facts.error = errno;
  else
    facts.owner = status.stx_uid;
  if (!facts.error && !S_ISDIR(status.stx_mode)) facts.kind = SourceFacts::Kind::Other;
  return facts;
}

/// From the kernel's caches, so that nobody has to be waited for; false if they do not have it.
bool look_up_cached(const std::string& path, SourceFacts& facts) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_CACHED;
  const base::Fd found(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (!found) return false;
  facts = look_at(found.get(), "", AT_STATX_DONT_SYNC);
  return true;
}

}  // namespace

namespace {

bool is_from_host(domain_xml::FilesystemType type) {
  using enum domain_xml::FilesystemType;
  return type == Mount || type == File || type == Block;
}

}  // namespace

std::map<std::string, SourceFacts> read_source_facts(const domain_xml::DomainDefinition& definition) {
  std::map<std::string, SourceFacts> sources;
  for (const auto& filesystem : definition.filesystems)
    if (is_from_host(filesystem.type)) sources[filesystem.source];
  const auto& overlay = definition.extension.overlay;
  if (overlay && !overlay->directory.empty()) sources[overlay->directory];
  if (std::all_of(sources.begin(), sources.end(), [](auto& one) { return look_up_cached(one.first, one.second); }))
    return sources;
  return within(kAnswerLimit, "a filesystem source of domain '" + definition.name + "'", [sources]() mutable {
    for (auto& [path, facts] : sources) facts = look_at(AT_FDCWD, path.c_str(), 0);
    return std::move(sources);
  });
}

namespace {

DeviceFacts look_at_device(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) return {.error = errno};
  const char type = S_ISBLK(status.st_mode) ? 'b' : S_ISCHR(status.st_mode) ? 'c' : '\0';
  return {.type = type, .major = major(status.st_rdev), .minor = minor(status.st_rdev), .path = path};
}

/// A number that sysfs has in a file of its own; nullopt if it has none.
std::optional<unsigned> sysfs_number(const std::filesystem::path& file, int base) {
  std::ifstream text(file);
  std::string digits;
  if (!(text >> digits)) return std::nullopt;
  return static_cast<unsigned>(std::strtoul(digits.c_str(), nullptr, base));
}

/// The first USB device of this product ("VVVV:PPPP"), as sysfs lists them.
DeviceFacts look_for_product(const std::string& product) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/bus/usb/devices", error)) {
    const auto vendor = sysfs_number(entry.path() / "idVendor", 16),
               model = sysfs_number(entry.path() / "idProduct", 16);
    if (!vendor || !model || fmt::format("{:04x}:{:04x}", *vendor, *model) != product) continue;
    const auto bus = sysfs_number(entry.path() / "busnum", 10), device = sysfs_number(entry.path() / "devnum", 10);
    return look_at_device(fmt::format("/dev/bus/usb/{:03}/{:03}", bus.value_or(0), device.value_or(0)));
  }
  return {.error = ENODEV};
}

DeviceFacts look_for_loop(const std::string& mark) {
  int missed = 0;
  const auto loop = find_loop(mark, &missed);
  if (!loop) return {.error = missed != 0 ? missed : ENODEV};
  return look_at_device(*loop);
}

DeviceFacts look_for(const GivenDevice& device) {
  switch (device.kind) {
    case GivenDevice::Kind::Node:
      break;
    case GivenDevice::Kind::Loop:
      return look_for_loop(device.source);
    case GivenDevice::Kind::UsbProduct:
      return look_for_product(device.source);
  }
  return look_at_device(device.source);
}

}  // namespace

DeviceFactsBySource read_device_facts(const std::vector<GivenDevice>& devices) {
  DeviceFactsBySource facts;
  for (const auto& device : devices) facts[device.source] = look_for(device);
  return facts;
}

LimitFacts read_limit_facts(const domain_xml::DomainDefinition& definition) {
  LimitFacts facts;
  if (definition.vcpus_current || !definition.cpuset.empty() || !definition.cpu_tune.others.empty())
    facts.online_cpus = online_cpus();
  facts.devices = read_device_facts(given_devices(definition));
  for (const auto& device : definition.block_tune.devices) facts.devices[device.path] = look_at_device(device.path);
  return facts;
}

}  // namespace container
