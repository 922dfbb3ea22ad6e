#include "container/host_facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/systemd.hpp"
#include "cgroup/text.hpp"

namespace container {

std::string host_arch() {
  utsname names{};
  if (::uname(&names) < 0) base::fail_errno(base::Code::SystemError, "cannot read the machine name");
  const std::string machine = names.machine;
  if (machine == "i386" || machine == "i486" || machine == "i586") return "i686";
  if (machine == "amd64") return "x86_64";
  return machine;
}

HostFacts read_host_facts() {
  HostFacts facts;
  facts.arch = host_arch();
  facts.last_capability =
      static_cast<unsigned>(std::strtoul(base::read_file("/proc/sys/kernel/cap_last_cap").c_str(), nullptr, 10));
  facts.cgroups = cgroup::Hierarchy::detect();
  facts.systemd = cgroup::systemd_owns_tree();
  facts.fuse = static_cast<bool>(base::Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC)));  // which loads the module
  return facts;
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

SourceFacts look_at(const std::string& path) {
  SourceFacts facts;
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0)
    facts.error = errno;
  else
    facts.owner = status.st_uid;
  if (!facts.error && !S_ISDIR(status.st_mode)) facts.kind = SourceFacts::Kind::Other;
  return facts;
}

}  // namespace

std::map<std::string, SourceFacts> read_source_facts(const domain_xml::DomainDefinition& definition) {
  std::map<std::string, SourceFacts> sources;
  for (const auto& filesystem : definition.filesystems)
    if (filesystem.type == domain_xml::FilesystemType::Mount) sources[filesystem.source] = look_at(filesystem.source);
  const auto& overlay = definition.extension.overlay;
  if (overlay && !overlay->directory.empty()) sources[overlay->directory] = look_at(overlay->directory);
  return sources;
}

LimitFacts read_limit_facts(const domain_xml::DomainDefinition& definition) {
  LimitFacts facts;
  if (definition.vcpus_current || !definition.cpuset.empty() || !definition.cpu_tune.others.empty())
    facts.online_cpus = online_cpus();
  for (const auto& device : definition.block_tune.devices) {
    struct stat status {};
    auto& found = facts.devices[device.path];
    if (::stat(device.path.c_str(), &status) < 0) found.error = errno;
    found.block = S_ISBLK(status.st_mode);
    found.major = major(status.st_rdev);
    found.minor = minor(status.st_rdev);
  }
  return facts;
}

}  // namespace container
