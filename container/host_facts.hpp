// What planning must know of this host: facts that hold while it is up, and what the sources of one definition are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/hierarchy.hpp"
#include "container/given_devices.hpp"
#include "container/seccomp.hpp"
#include "domain-xml/definition.hpp"

namespace container {

struct SourceFacts {
  enum class Kind { Directory, Other } kind = Kind::Directory;
  int error = 0;  // errno when it cannot be reached
  std::uint32_t owner = 0;
  bool operator==(const SourceFacts&) const = default;
};

/// What limits must know of the host.
struct LimitFacts {
  std::string online_cpus;      // list syntax
  DeviceFactsBySource devices;  // those given to the container, and the host paths that <blkiotune> names
};

struct HostFacts {
  std::string arch;              // as libvirt names it, "x86_64"
  unsigned last_capability = 0;  // the highest number this kernel has
  cgroup::Hierarchy cgroups;
  bool systemd = false;                  // the tree of cgroups is its own
  bool fuse = false;                     // /dev/fuse can be opened
  bool user_namespaces = true;           // this kernel has them, and lets root make some
  bool time_namespaces = false;          // likewise, and we may set their clocks
  std::vector<std::string> lxcfs_files;  // what a mounted lxcfs gives in place of the kernel's: "/proc/meminfo" ...
  std::map<std::string, SourceFacts> sources;  // host paths the definition mounts
  std::optional<SeccompFile> seccomp_file;     // the profile it names
  DeviceFactsBySource devices;                 // those given to the container
};

/// The machine word of uname(2) under libvirt's name.
std::string host_arch();

/// The processors this host has online, in list syntax ("0-3").
std::string online_cpus();

inline constexpr const char* kLxcfsDirectory = "/var/lib/lxcfs";

/// Everything but `sources`, `seccomp_file`, `devices` and `lxcfs_files`. Reads the kernel's files; the launcher does
/// it once.
HostFacts read_host_facts();
/// Empty unless lxcfs is mounted and answers; asked at every start, as it may come and go.
std::vector<std::string> read_lxcfs_files(const std::string& directory = kLxcfsDirectory);
/// stat(2) of each host path that `definition` wants mounted.
std::map<std::string, SourceFacts> read_source_facts(const domain_xml::DomainDefinition& definition);
/// What stands for each of them on this host now.
DeviceFactsBySource read_device_facts(const std::vector<GivenDevice>& devices);
/// The devices it names; the processors if it says anything about them.
LimitFacts read_limit_facts(const domain_xml::DomainDefinition& definition);

}  // namespace container
