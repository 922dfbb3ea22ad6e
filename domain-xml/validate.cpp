#include "domain-xml/validate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "domain-xml/capabilities.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/format_parts.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::From;

namespace {

class Problems {
 public:
  template <typename... Parts>
  void add(From from, Code code, const Parts&... parts) {
    list_.push_back({code, from, base::join(parts...)});
  }
  std::vector<Problem> take() { return std::move(list_); }

 private:
  std::vector<Problem> list_;
};

void check_identity(const DomainDefinition& definition, Problems& problems) {
  if (definition.name.empty()) problems.add(From::Domain, Code::NoName, "the domain definition");
  if (definition.name.find('/') != std::string::npos)
    problems.add(From::Domain, Code::XmlError, "domain name '", definition.name, "' contains '/'");
  if (definition.name.find('\n') != std::string::npos)
    problems.add(From::Xml, Code::XmlDetail, "domain name '", definition.name, "' contains a newline");
  if (definition.title.find('\n') != std::string::npos)
    problems.add(From::Domain, Code::XmlError, "domain title contains a newline");
}

void check_capabilities(const DomainDefinition& definition, const DefaultsContext& context, Problems& problems) {
  const std::string sibling = sibling_arch(context.host_arch);
  const std::string& arch = definition.os.arch;
  const bool arch_offered = arch.empty() || arch == context.host_arch || (!sibling.empty() && arch == sibling);
  if (definition.type == "lxc" && definition.os.type == "exe" && arch_offered) return;
  problems.add(From::Capabilities, Code::InvalidArg, "this host offers no domain of type '", definition.type,
               "', os type '", definition.os.type, "' and architecture '", arch, "'");
}

void check_memory(const DomainDefinition& definition, Problems& problems) {
  if (definition.memory_kib == 0)
    problems.add(From::Domain, Code::XmlError, "element 'memory' must give a size greater than 0");
}

void check_vcpus(const DomainDefinition& definition, Problems& problems) {
  if (definition.vcpus == 0)
    problems.add(From::Domain, Code::ConfigUnsupported, "the number of vcpus must be at least 1");
  if (definition.vcpus_current && *definition.vcpus_current > definition.vcpus)
    problems.add(From::Domain, Code::ConfigUnsupported, "the number of current vcpus, ", *definition.vcpus_current,
                 ", must be at most ", definition.vcpus);
}

void check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high, Problems& problems) {
  if (value < low || value > high)
    problems.add(From::Domain, Code::ConfigUnsupported, "value ", value, " of cputune '", name, "' must be in range ",
                 low, " to ", high);
}

void check_cpu_tune(const CpuTune& tune, Problems& problems) {
  constexpr std::int64_t kMaxQuota = 17592186044415;  // 2^64 nanoseconds, in the kernel's microseconds
  const auto clamp = [](std::uint64_t value) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
  };
  if (tune.shares && *tune.shares != 0) check_range("shares", clamp(*tune.shares), 2, 262144, problems);
  if (tune.period_us) check_range("period", clamp(*tune.period_us), 1000, 1000000, problems);
  if (tune.quota_us && *tune.quota_us > 0) check_range("quota", *tune.quota_us, 1000, kMaxQuota, problems);
  for (const Element& element : tune.others) {
    const bool period = element.name.ends_with("_period"), quota = element.name.ends_with("_quota");
    const auto value = period || quota ? parse_signed(element.text) : std::nullopt;
    if (period && value) check_range(element.name.c_str(), *value, 1000, 1000000, problems);
    if (quota && value && *value > 0) check_range(element.name.c_str(), *value, 1000, kMaxQuota, problems);
  }
}

bool maps_root(const std::vector<IdMapEntry>& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const IdMapEntry& entry) { return entry.start == 0 && entry.count > 0; });
}

/// Of two ranges that overlap, the numbers where the second begins.
void check_overlap(const char* kind, const char* side, std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges,
                   Problems& problems) {
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].first + ranges[i - 1].second) {
      problems.add(From::Domain, Code::ConfigUnsupported, "the ", kind, "s of element 'idmap' overlap: ", side, ' ',
                   ranges[i].first, " belongs to two entries");
      return;
    }
}

/// The kernel refuses such a map, whichever side overlaps.
void check_overlaps(const char* kind, const std::vector<IdMapEntry>& entries, Problems& problems) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> inside, outside;
  for (const IdMapEntry& entry : entries) {
    inside.emplace_back(entry.start, entry.count);
    outside.emplace_back(entry.target, entry.count);
  }
  check_overlap(kind, "start", std::move(inside), problems);
  check_overlap(kind, "target", std::move(outside), problems);
}

void check_idmap(const IdMap& idmap, Problems& problems) {
  if (idmap.empty()) return;
  if (idmap.uids.empty() || idmap.gids.empty())
    problems.add(From::Domain, Code::ConfigUnsupported, "element 'idmap' must map both uids and gids");
  else if (!maps_root(idmap.uids) || !maps_root(idmap.gids))
    problems.add(From::Domain, Code::ConfigUnsupported, "element 'idmap' must map the container's root, start 0");
  check_overlaps("uid", idmap.uids, problems);
  check_overlaps("gid", idmap.gids, problems);
}

void check_lifecycle(const DomainDefinition& definition, Problems& problems) {
  const auto check = [&](const char* name, LifecycleAction action) {
    if (action == LifecycleAction::CoredumpDestroy || action == LifecycleAction::CoredumpRestart)
      problems.add(From::Domain, Code::ConfigUnsupported, "action '", word_for(kLifecycleActions, action),
                   "' is not possible in element '", name, "'");
  };
  check("on_poweroff", definition.on_poweroff);
  check("on_reboot", definition.on_reboot);
}

void check_filesystem(const Filesystem& filesystem, Problems& problems) {
  if (filesystem.type == FilesystemType::Volume && filesystem.volume.empty())
    problems.add(From::Domain, Code::NoSource, filesystem.target);
  if (filesystem.target.empty())
    problems.add(From::Domain, Code::NoTarget, filesystem.source);
  else if (filesystem.target.front() != '/')
    problems.add(From::Domain, Code::XmlError, "target '", filesystem.target, "' of a filesystem must begin with '/'");
}

/// Of two roots the second would hide the first, and everything mounted into it.
void check_roots(const std::vector<Filesystem>& filesystems, Problems& problems) {
  const auto is_root = [](const Filesystem& filesystem) {
    return !filesystem.target.empty() && filesystem.target.find_first_not_of('/') == std::string::npos;
  };
  if (std::count_if(filesystems.begin(), filesystems.end(), is_root) > 1)
    problems.add(From::Domain, Code::XmlError, "only one filesystem can have the target '/'");
}

void check_consoles(const std::vector<Console>& consoles, Problems& problems) {
  for (std::size_t i = 1; i < consoles.size(); ++i)
    if (consoles[i].target_type == "serial")
      problems.add(From::Domain, Code::ConfigUnsupported, "only the first console can be a serial port");
}

void check_disks(const std::vector<Disk>& disks, Problems& problems) {
  std::map<std::string, const Disk*> seen;
  for (const Disk& disk : disks)
    if (const auto [first, is_new] = seen.try_emplace(disk.target, &disk); !is_new)
      problems.add(From::Domain, Code::XmlError, "target '", disk.target, "' of disk '", disk.source,
                   "' is that of disk '", first->second->source, "' already");
}

void check_unique(const std::vector<Interface>& interfaces, Problems& problems) {
  std::set<MacAddress> macs;
  std::set<std::string> names;
  for (const Interface& interface : interfaces) {
    if (!(interface.mac == MacAddress{}) && !macs.insert(interface.mac).second)
      problems.add(From::Domain, Code::XmlError, "MAC address '", format_mac(interface.mac),
                   "' is that of another interface already");
    const std::string& name = interface.target_dev;
    if (!name.empty() && !is_generated_name(name) && !names.insert(name).second)
      problems.add(From::Domain, Code::XmlError, "target device '", name, "' is that of another interface already");
  }
}

/// What two devices may not have in common.
std::string identity(HostDevice device) {
  device.managed = false;
  device.startup_policy.clear();
  device.model.clear();
  device.ips.clear();
  device.routes.clear();
  std::erase_if(device.others, [](const Element& element) { return element.name == "alias"; });
  Writer writer;
  write_host_device(writer, device, View::Inactive);
  return writer.take();
}

void check_host_devices(const std::vector<HostDevice>& devices, Problems& problems) {
  std::set<std::string> seen;
  for (const HostDevice& device : devices)
    if (!seen.insert(identity(device)).second)
      problems.add(From::Domain, Code::XmlError, "host device ", device.type, " '", device.path, "' is given twice");
}

void check_controllers(const std::vector<Element>& devices, Problems& problems) {
  std::set<std::vector<std::pair<std::string, std::string>>> seen;
  for (const Element& device : devices) {
    if (device.name != "controller" || device.attributes.size() < 2 || device.attributes[0].second == "usb") continue;
    const auto& [type, index] = std::pair(device.attributes[0], device.attributes[1]);
    if (index.first == "index" && !seen.insert({type, index}).second)
      problems.add(From::Domain, Code::XmlError, "controller '", type.second, "' with index ", index.second,
                   " is given twice");
  }
}

void check_interface(const Interface& interface, Problems& problems) {
  const bool network = std::holds_alternative<InterfaceNetwork>(interface.source);
  if (interface.bandwidth && interface.bandwidth->inbound && interface.bandwidth->inbound->floor && !network)
    problems.add(From::None, Code::ConfigUnsupported, "a bandwidth floor is for interfaces of type 'network' only");
  const bool bridge = std::holds_alternative<InterfaceBridge>(interface.source);
  const bool direct = std::holds_alternative<InterfaceDirect>(interface.source);
  if (interface.virtual_port && !(bridge || network || direct))
    problems.add(From::Domain, Code::ConfigUnsupported,
                 "element 'virtualport' is for interfaces of type 'bridge', 'network' and 'direct' only");
  const bool openvswitch = interface.virtual_port && interface.virtual_port->type == "openvswitch";
  if (interface.port_isolated && (openvswitch || !(bridge || network)))
    problems.add(From::Domain, Code::ConfigUnsupported, "an isolated port is for Linux bridges only, interface '",
                 format_mac(interface.mac), "'");
  if ((interface.mac.bytes[0] & 1) != 0)
    problems.add(From::Domain, Code::XmlError, "a unicast MAC address is needed, '", format_mac(interface.mac),
                 "' is multicast");
}

}  // namespace

std::vector<Problem> validate(const DomainDefinition& definition, const DefaultsContext& context) {
  Problems problems;
  check_identity(definition, problems);
  check_capabilities(definition, context, problems);
  check_memory(definition, problems);
  check_vcpus(definition, problems);
  for (const Filesystem& filesystem : definition.filesystems) check_filesystem(filesystem, problems);
  for (const Interface& interface : definition.interfaces) check_interface(interface, problems);
  check_roots(definition.filesystems, problems);
  check_unique(definition.interfaces, problems);
  check_consoles(definition.consoles, problems);
  check_disks(definition.disks, problems);
  check_host_devices(definition.host_devices, problems);
  check_controllers(definition.other_devices, problems);
  check_idmap(definition.idmap, problems);
  check_cpu_tune(definition.cpu_tune, problems);
  check_lifecycle(definition, problems);
  return problems.take();
}

namespace {

void require_none(const std::vector<Problem>& problems) {
  if (problems.empty()) return;
  std::string text;
  for (const auto& problem : problems) text += (text.empty() ? "" : "; ") + problem.text;
  throw base::Error(problems.front().code, problems.front().from, text);
}

}  // namespace

void require_valid(const DomainDefinition& definition, const DefaultsContext& context) {
  require_none(validate(definition, context));
}

void require_valid(const Device& device) {
  Problems problems;
  if (const auto* filesystem = std::get_if<Filesystem>(&device)) check_filesystem(*filesystem, problems);
  if (const auto* interface = std::get_if<Interface>(&device)) check_interface(*interface, problems);
  require_none(problems.take());
}

DomainDefinition accept_definition(DomainDefinition given, const DefaultsContext& context) {
  apply_defaults(given, context);
  require_valid(given, context);
  return given;
}

}  // namespace domain_xml
