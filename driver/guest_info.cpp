#include "driver/guest_info.hpp"

#include <sys/utsname.h>

#include <ctime>

#include "base/error.hpp"
#include "domain-xml/format.hpp"

namespace driver {
namespace {

using base::Code;

constexpr unsigned kFromFiles = VIR_DOMAIN_GUEST_INFO_USERS | VIR_DOMAIN_GUEST_INFO_OS | VIR_DOMAIN_GUEST_INFO_TIMEZONE;
constexpr unsigned kKnown = kFromFiles | VIR_DOMAIN_GUEST_INFO_HOSTNAME | VIR_DOMAIN_GUEST_INFO_FILESYSTEM |
                            VIR_DOMAIN_GUEST_INFO_DISKS | VIR_DOMAIN_GUEST_INFO_INTERFACES;

std::uint32_t count_of(std::size_t size) {
  return static_cast<std::uint32_t>(size);
}

void add_users(Parameters& params, const std::vector<container::GuestUser>& users) {
  params.push_back({"user.count", count_of(users.size())});
  for (std::size_t i = 0; i < users.size(); ++i) {
    params.push_back({numbered("user", i, "name"), users[i].name});
    params.push_back({numbered("user", i, "login-time"), users[i].login_ms});
  }
}

/// The kernel is the host's; the rest is the container's word.
void add_os(Parameters& params, const std::map<std::string, std::string>& release) {
  const std::pair<const char*, const char*> words[] = {{"os.id", "ID"},
                                                       {"os.name", "NAME"},
                                                       {"os.pretty-name", "PRETTY_NAME"},
                                                       {"os.version", "VERSION"},
                                                       {"os.version-id", "VERSION_ID"},
                                                       {"os.variant", "VARIANT"},
                                                       {"os.variant-id", "VARIANT_ID"}};
  for (const auto& word : words)
    if (const auto at = release.find(word.second); at != release.end()) params.push_back({word.first, at->second});
  utsname host{};
  if (::uname(&host) != 0) base::fail_errno(Code::SystemError, "cannot ask for the kernel's name");
  params.push_back({"os.kernel-release", std::string(host.release)});
  params.push_back({"os.kernel-version", std::string(host.version)});
  params.push_back({"os.machine", std::string(host.machine)});
}

/// A container without the file lives in UTC, as its C library sees it.
void add_timezone(Parameters& params, const std::string& file) {
  const auto zone = container::parse_zone(file, std::time(nullptr)).value_or(container::ZoneMoment{"UTC", 0});
  params.push_back({"timezone.name", zone.name});
  params.push_back({"timezone.offset", zone.offset});
}

void add_file_systems(Parameters& params, const std::vector<container::GuestMount>& mounts) {
  params.push_back({"fs.count", count_of(mounts.size())});
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const auto& mount = mounts[i];
    params.push_back({numbered("fs", i, "name"), mount.source});
    params.push_back({numbered("fs", i, "mountpoint"), mount.mount_point});
    params.push_back({numbered("fs", i, "fstype"), mount.type});
    if (mount.total_bytes) params.push_back({numbered("fs", i, "total-bytes"), *mount.total_bytes});
    if (mount.used_bytes) params.push_back({numbered("fs", i, "used-bytes"), *mount.used_bytes});
    params.push_back({numbered("fs", i, "disk.count"), std::uint32_t{0}});
  }
}

void add_disks(Parameters& params, const std::vector<domain_xml::Disk>& disks) {
  params.push_back({"disk.count", count_of(disks.size())});
  for (std::size_t i = 0; i < disks.size(); ++i) {
    params.push_back({numbered("disk", i, "name"), "/dev/" + disks[i].target});
    params.push_back({numbered("disk", i, "partition"), false});
    params.push_back({numbered("disk", i, "alias"), disks[i].target});
  }
}

void add_interfaces(Parameters& params, const std::vector<container::GuestLink>& links) {
  params.push_back({"if.count", count_of(links.size())});
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto& link = links[i];
    params.push_back({numbered("if", i, "name"), link.name});
    if (link.mac) params.push_back({numbered("if", i, "hwaddr"), domain_xml::format_mac({*link.mac})});
    params.push_back({numbered("if", i, "addr.count"), count_of(link.addresses.size())});
    for (std::size_t k = 0; k < link.addresses.size(); ++k) {
      const auto& address = link.addresses[k];
      const std::string name = base::join("if.", i, ".addr.", k, ".");
      params.push_back({name + "type", std::string(address.ipv6 ? "ipv6" : "ipv4")});
      params.push_back({name + "addr", address.text});
      params.push_back({name + "prefix", static_cast<std::uint32_t>(address.prefix)});
    }
  }
}

}  // namespace

Parameters guest_info(const DomainSnapshot& domain, unsigned types) {
  if (types & ~kKnown) base::fail(Code::ArgumentUnsupported, "unsupported guest information types ", types & ~kKnown);
  if (!domain.running) base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  if (types == 0) types = kKnown;
  Parameters params;
  container::GuestFiles files;
  if (types & kFromFiles) files = domain.running->guest_files();
  if (types & VIR_DOMAIN_GUEST_INFO_USERS) add_users(params, container::parse_utmp(files.utmp));
  if (types & VIR_DOMAIN_GUEST_INFO_OS) add_os(params, container::parse_os_release(files.os_release));
  if (types & VIR_DOMAIN_GUEST_INFO_TIMEZONE) add_timezone(params, files.zone);
  if (types & VIR_DOMAIN_GUEST_INFO_HOSTNAME) params.push_back({"hostname", domain.running->hostname()});
  if (types & VIR_DOMAIN_GUEST_INFO_FILESYSTEM) add_file_systems(params, domain.running->measured_file_systems());
  if (types & VIR_DOMAIN_GUEST_INFO_DISKS) add_disks(params, domain.live->disks);
  if (types & VIR_DOMAIN_GUEST_INFO_INTERFACES) add_interfaces(params, domain.running->guest_links());
  constexpr std::size_t kMost = 2048;  // the wire's bound
  if (params.size() > kMost) params.resize(kMost);
  return params;
}

}  // namespace driver
