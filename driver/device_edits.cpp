#include "driver/device_edits.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "domain-xml/disk_name.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/mac.hpp"

namespace driver {
namespace {

using base::Code;
using base::From;
using domain_xml::Console;
using domain_xml::Device;
using domain_xml::Disk;
using domain_xml::DomainDefinition;
using domain_xml::Element;
using domain_xml::Filesystem;
using domain_xml::HostDevice;
using domain_xml::Interface;

Code conflict_code(Form form) {
  return form == Form::Config ? Code::InvalidArg : Code::OperationFailed;
}

const char* name_of(Form form) {
  return form == Form::Config ? "persistent" : "live";
}

[[noreturn]] void refuse_kind(const Device& device, Form form, const char* change) {
  base::fail(Code::ConfigUnsupported, name_of(form), " ", change, " of a device of type '",
             domain_xml::device_kind(device), "' is not supported");
}

// ---- Which device is meant

const Element* bus_address(const std::vector<Element>& others) {
  for (const Element& element : others)
    if (element.name == "address" && !element.attributes.empty())
      if (const auto& type = element.attributes.front().second; type == "pci" || type == "ccw") return &element;
  return nullptr;
}

bool given(const domain_xml::MacAddress& mac) {
  return mac != domain_xml::MacAddress{};
}

/// An alias that a client copied from the running domain says nothing about its next boot's interfaces, which have
/// none.
bool fits(const Interface& interface, const Interface& wanted) {
  if (given(wanted.mac) && interface.mac != wanted.mac) return false;
  const std::string alias = domain_xml::alias_of(interface), wanted_alias = domain_xml::alias_of(wanted);
  if (!alias.empty() && !wanted_alias.empty() && alias != wanted_alias) return false;
  const Element* const address = bus_address(wanted.others);
  if (!address) return true;
  const Element* const own = bus_address(interface.others);
  return own && *own == *address;
}

std::string description(const Interface& wanted) {
  std::string text;
  if (given(wanted.mac)) text += " with MAC address '" + domain_xml::format_mac(wanted.mac) + "'";
  if (const std::string alias = domain_xml::alias_of(wanted); !alias.empty()) text += " with alias '" + alias + "'";
  if (bus_address(wanted.others)) text += " at the address given";
  return text;
}

std::size_t require_match(const std::vector<Interface>& interfaces, const Interface& wanted, Form) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    if (!fits(interfaces[i], wanted)) continue;
    if (found)
      base::fail_from(From::Domain, Code::OperationFailed, "several interfaces", description(wanted), " found");
    found = i;
  }
  if (!found) base::fail_from(From::Domain, Code::DeviceMissing, "no interface", description(wanted), " found");
  return *found;
}

template <typename Kind, typename Fits>
std::size_t require_one(const std::vector<Kind>& devices, Form form, const std::string& what, Fits fitting) {
  const auto found = std::find_if(devices.begin(), devices.end(), fitting);
  if (found == devices.end()) base::fail(conflict_code(form), "no ", what, " found");
  return static_cast<std::size_t>(found - devices.begin());
}

std::size_t require_match(const std::vector<Disk>& disks, const Disk& wanted, Form form) {
  return require_one(disks, form, "disk with target '" + wanted.target + "'",
                     [&](const Disk& disk) { return disk.target == wanted.target; });
}

std::size_t require_match(const std::vector<Filesystem>& filesystems, const Filesystem& wanted, Form form) {
  return require_one(filesystems, form, "filesystem with target '" + wanted.target + "'",
                     [&](const Filesystem& filesystem) { return filesystem.target == wanted.target; });
}

const Element* source_of(const HostDevice& device) {
  const auto& others = device.others;
  const auto found = std::find_if(others.begin(), others.end(), [](const Element& e) { return e.name == "source"; });
  return found == others.end() ? nullptr : &*found;
}

/// A USB device by what is given of its number on the bus and of its product; others by their path or whatever their
/// source says.
bool fits(const HostDevice& device, const HostDevice& wanted) {
  if (device.mode != wanted.mode || device.type != wanted.type || device.path != wanted.path) return false;
  if (wanted.usb_address) return device.usb_address == wanted.usb_address;
  if (wanted.usb_product) return device.usb_product == wanted.usb_product;
  const Element *own = source_of(device), *other = source_of(wanted);
  return own && other ? *own == *other : own == other;
}

std::string description(const HostDevice& device) {
  return "host device of type '" + device.type + "'" + (device.path.empty() ? "" : " '" + device.path + "'");
}

std::size_t require_match(const std::vector<HostDevice>& devices, const HostDevice& wanted, Form form) {
  return require_one(devices, form, description(wanted),
                     [&](const HostDevice& device) { return fits(device, wanted); });
}

/// A definition numbers its consoles in their order, which is what its XML shows as port and the running one as alias.
/// Without either, the only one like it is meant.
std::size_t require_match(const std::vector<Console>& consoles, const Console& wanted, Form) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < consoles.size(); ++i) {
    Console same = wanted;
    same.alias = consoles[i].alias;
    if (wanted.alias.empty() ? same == consoles[i] : wanted.alias == domain_xml::console_alias(i)) found.push_back(i);
  }
  const std::string which = wanted.alias.empty() ? "" : " '" + wanted.alias + "'";
  if (found.empty()) base::fail_from(From::Domain, Code::DeviceMissing, "no console", which, " found");
  if (found.size() > 1)
    base::fail_from(From::Domain, Code::OperationFailed, "several consoles found, one is meant by its target's port");
  return found.front();
}

// ---- What cannot be there twice

void require_unique(const std::vector<Interface>& interfaces, const Interface& added, Form form) {
  for (const Interface& interface : interfaces) {
    if (interface.mac == added.mac)
      base::fail(conflict_code(form), "MAC address '", domain_xml::format_mac(added.mac),
                 "' is that of another interface already");
    if (!added.target_dev.empty() && interface.target_dev == added.target_dev)
      base::fail(conflict_code(form), "target device '", added.target_dev, "' is that of another interface already");
  }
}

void require_unique(const std::vector<Disk>& disks, const Disk& added, Form form) {
  for (const Disk& disk : disks)
    if (disk.target == added.target) base::fail(conflict_code(form), "target '", added.target, "' exists already");
}

void require_unique(const std::vector<Filesystem>& filesystems, const Filesystem& added, Form form) {
  for (const Filesystem& filesystem : filesystems)
    if (filesystem.target == added.target)
      base::fail(conflict_code(form), "a filesystem with target '", added.target, "' exists already");
}

void require_unique(const std::vector<HostDevice>& devices, const HostDevice& added, Form form) {
  for (const HostDevice& device : devices)
    if (fits(device, added))
      base::fail(conflict_code(form), description(added), " is in the domain's configuration already");
}

/// As many as anyone likes, all alike.
void require_unique(const std::vector<Console>&, const Console&, Form) {}

/// A user's alias is a name.
void require_free_alias(const DomainDefinition& definition, const Device& added, Form form) {
  const std::string alias = domain_xml::alias_of(added);
  if (!alias.starts_with("ua-")) return;
  const auto check = [&](const auto& devices) {
    for (const auto& device : devices)
      if (domain_xml::alias_of(device) == alias)
        base::fail(conflict_code(form), "alias '", alias, "' is that of another device already");
  };
  check(definition.disks);
  check(definition.filesystems);
  check(definition.interfaces);
  check(definition.host_devices);
}

// ---- The lists of a definition

std::vector<Interface>& list_for(DomainDefinition& definition, const Interface&) {
  return definition.interfaces;
}
std::vector<Disk>& list_for(DomainDefinition& definition, const Disk&) {
  return definition.disks;
}
std::vector<Filesystem>& list_for(DomainDefinition& definition, const Filesystem&) {
  return definition.filesystems;
}
std::vector<HostDevice>& list_for(DomainDefinition& definition, const HostDevice&) {
  return definition.host_devices;
}
std::vector<Console>& list_for(DomainDefinition& definition, const Console&) {
  return definition.consoles;
}

/// A running container's consoles are those it was started with: its supervisor made them, and init knows them by name.
template <typename Kind>
constexpr bool can_come_and_go(Form form) {
  return !std::is_same_v<Kind, domain_xml::OtherDevice> && (form == Form::Config || !std::is_same_v<Kind, Console>);
}
template <typename Kind>
constexpr bool kListed = !std::is_same_v<Kind, domain_xml::OtherDevice>;
template <typename Kind>
constexpr bool kChangeable = kListed<Kind> && !std::is_same_v<Kind, HostDevice> && !std::is_same_v<Kind, Console>;

// ---- Updates

/// The same network, however a client has named it: the running form says what the network was resolved to.
bool same_network(const Interface& before, const Interface& wanted) {
  const auto* const network = std::get_if<domain_xml::InterfaceNetwork>(&wanted.source);
  if (!network) return false;
  const auto same = [&](const auto& source) {
    return source.network == network->network && source.portgroup == network->portgroup;
  };
  if (const auto* bridge = std::get_if<domain_xml::InterfaceBridge>(&before.source)) return same(*bridge);
  if (const auto* direct = std::get_if<domain_xml::InterfaceDirect>(&before.source)) return same(*direct);
  if (const auto* device = std::get_if<domain_xml::InterfaceHostDevice>(&before.source)) return same(*device);
  return false;
}

/// What the network added at the start stays, unless the client says something of its own about it.
void keep_added(const Interface& before, Interface& wanted) {
  if (!before.configured_port) return;
  const domain_xml::PortSettings& configured = *before.configured_port;
  wanted.configured_port =
      domain_xml::PortSettings{wanted.vlan, wanted.virtual_port, wanted.bandwidth, wanted.port_isolated, wanted.mtu};
  const auto keep = [](auto& now, const auto& was, const auto& own) {
    if (!now && !own) now = was;
  };
  keep(wanted.vlan, before.vlan, configured.vlan);
  keep(wanted.virtual_port, before.virtual_port, configured.virtual_port);
  keep(wanted.bandwidth, before.bandwidth, configured.bandwidth);
  keep(wanted.port_isolated, before.port_isolated, configured.isolated);
  keep(wanted.mtu, before.mtu, configured.mtu);
}

/// A bridge of the host's own, plain or Open vSwitch's, can be left for another; anything else means another kind of
/// link.
bool can_move(const Interface& before, const Interface& wanted) {
  const auto* const from = std::get_if<domain_xml::InterfaceBridge>(&before.source);
  const auto* const to = std::get_if<domain_xml::InterfaceBridge>(&wanted.source);
  return from && to && from->network.empty();
}

/// What a running interface becomes. What `wanted` leaves open stays as it is.
Interface updated(const Interface& before, Interface wanted, Form form) {
  if (!given(wanted.mac)) {
    wanted.mac = before.mac;
    wanted.mac_type = before.mac_type;
    wanted.mac_check = before.mac_check;
  }
  if (form == Form::Config) {
    wanted.alias.clear();
    return wanted;
  }
  const auto keep_if_open = [](std::string& name, const std::string& old) {
    if (name.empty()) name = old;
  };
  keep_if_open(wanted.target_dev, before.target_dev);
  keep_if_open(wanted.guest_dev, before.guest_dev);
  if (wanted.guest_dev == before.guest_dev_actual) wanted.guest_dev = before.guest_dev;  // copied from the running form
  wanted.guest_dev_actual = before.guest_dev_actual;
  wanted.alias = before.alias;
  if (same_network(before, wanted)) {
    wanted.source = before.source;
    keep_added(before, wanted);
  }
  const auto require = [&](bool same, const char* what) {
    if (!same)
      base::fail(Code::OperationUnsupported, "the ", what, " of interface '", domain_xml::format_mac(before.mac),
                 "' cannot change while the domain is running");
  };
  require(wanted.source == before.source || can_move(before, wanted), "type or source");
  require(wanted.target_dev == before.target_dev, "target device");
  require(wanted.guest_dev == before.guest_dev, "guest device");
  const bool own_bridge = can_move(before, wanted);
  require(wanted.vlan == before.vlan || own_bridge, "vlan");
  require(wanted.virtual_port == before.virtual_port || own_bridge, "virtualport");
  require(wanted.script == before.script && wanted.downscript == before.downscript, "script");
  return wanted;
}

Disk updated(const Disk&, Disk wanted, Form) {
  return wanted;
}
Filesystem updated(const Filesystem& before, Filesystem wanted, Form form) {
  wanted.alias = form == Form::Live ? before.alias : "";
  return wanted;
}

/// One more than the number of "net3"; 0 for another alias.
unsigned alias_number(const std::string& alias, std::string_view word) {
  unsigned number = 0;
  const char* const end = alias.data() + alias.size();
  if (!alias.starts_with(word)) return 0;
  const auto [stop, error] = std::from_chars(alias.data() + word.size(), end, number);
  return error == std::errc{} && stop == end ? number + 1 : 0;
}

template <typename Kind>
void number_aliases(std::vector<Kind>& devices, const std::string& word) {
  unsigned next = 0;
  for (const Kind& device : devices) next = std::max(next, alias_number(device.alias, word));
  for (Kind& device : devices)
    if (domain_xml::alias_of(device).empty()) device.alias = word + std::to_string(next++);
}

template <typename Kind>
bool take_out(std::vector<Kind>& devices, const std::string& alias, std::optional<Device>& taken) {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const Kind& device) { return domain_xml::alias_of(device) == alias; });
  if (found == devices.end()) return false;
  taken = std::move(*found);
  devices.erase(found);
  return true;
}

}  // namespace

void add_device(DomainDefinition& definition, const Device& device, Form form) {
  require_free_alias(definition, device, form);
  std::visit(
      [&](const auto& added) {
        using Kind = std::decay_t<decltype(added)>;
        if (!can_come_and_go<Kind>(form)) refuse_kind(device, form, "attach");
        if constexpr (kListed<Kind>) {
          auto& devices = list_for(definition, added);
          require_unique(devices, added, form);
          devices.push_back(added);
          devices.back().alias.clear();
        }
      },
      device);
  domain_xml::sort_disks(definition.disks);
}

Device remove_device(DomainDefinition& definition, const Device& wanted, Form form) {
  return std::visit(
      [&](const auto& described) -> Device {
        using Kind = std::decay_t<decltype(described)>;
        if (!can_come_and_go<Kind>(form)) refuse_kind(wanted, form, "detach");
        if constexpr (kListed<Kind>) {
          auto& devices = list_for(definition, described);
          const auto at = devices.begin() + static_cast<std::ptrdiff_t>(require_match(devices, described, form));
          Device removed = std::move(*at);
          devices.erase(at);
          return removed;
        } else {
          refuse_kind(wanted, form, "detach");
        }
      },
      wanted);
}

Device remove_device_by_alias(DomainDefinition& definition, const std::string& alias) {
  std::optional<Device> taken;
  if (!alias.empty() &&
      (take_out(definition.interfaces, alias, taken) || take_out(definition.disks, alias, taken) ||
       take_out(definition.filesystems, alias, taken) || take_out(definition.host_devices, alias, taken)))
    return *std::move(taken);
  base::fail_from(From::Domain, Code::DeviceMissing, "no device found with alias '", alias, "'");
}

DeviceUpdate replace_device(DomainDefinition& definition, const Device& wanted, Form form) {
  return std::visit(
      [&](const auto& described) -> DeviceUpdate {
        using Kind = std::decay_t<decltype(described)>;
        if (form == Form::Live && !std::is_same_v<Kind, Interface> && !std::is_same_v<Kind, Filesystem>)
          base::fail(Code::OperationUnsupported, "a device of type '", domain_xml::device_kind(wanted),
                     "' cannot change while the domain is running");
        if constexpr (kChangeable<Kind>) {
          auto& devices = list_for(definition, described);
          const std::size_t number = require_match(devices, described, form);
          Kind before = devices[number];
          devices[number] = updated(before, described, form);
          return {std::move(before), devices[number]};
        } else {
          refuse_kind(wanted, form, "update");
        }
      },
      wanted);
}

const Interface* find_interface(const DomainDefinition& definition, const std::string& name_or_mac) {
  const auto mac = domain_xml::parse_mac(name_or_mac);
  for (const Interface& interface : definition.interfaces)
    if ((!name_or_mac.empty() && interface.target_dev == name_or_mac) || (mac && interface.mac == *mac))
      return &interface;
  return nullptr;
}

Interface* find_interface(DomainDefinition& definition, const std::string& name_or_mac) {
  return const_cast<Interface*>(find_interface(std::as_const(definition), name_or_mac));
}

void assign_aliases(DomainDefinition& live) {
  number_aliases(live.interfaces, "net");
  number_aliases(live.disks, "disk");
  number_aliases(live.filesystems, "fs");
  number_aliases(live.host_devices, "hostdev");
}

}  // namespace driver
