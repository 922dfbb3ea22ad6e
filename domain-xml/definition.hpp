// A container definition as plain values: what the XML says after defaults, nothing live behind it.
// Optional means absent in the document; sizes are in the unit the member's name ends with.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/boxed.hpp"
#include "base/uuid.hpp"

namespace domain_xml {

/// An element that is kept and printed but means nothing to a container, with its known attributes and children only.
struct Element {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;
  std::vector<Element> children;
  bool operator==(const Element&) const = default;
};

enum class LifecycleAction { Destroy, Restart, RenameRestart, Preserve, CoredumpDestroy, CoredumpRestart };

struct InitVariable {
  std::string name, value;
  bool operator==(const InitVariable&) const = default;
};

struct Os {
  std::string type = "exe";
  std::string arch;     // filled in by apply_defaults
  std::string machine;  // stored only
  std::string init;
  std::vector<std::string> init_args;
  std::vector<InitVariable> init_env;
  std::string init_dir, init_user, init_group, cmdline;
  bool operator==(const Os&) const = default;
};

struct IdMapEntry {
  std::uint32_t start = 0, target = 0, count = 0;
  bool operator==(const IdMapEntry&) const = default;
};

struct IdMap {
  std::vector<IdMapEntry> uids, gids;  // sorted by start
  bool empty() const { return uids.empty() && gids.empty(); }
  bool operator==(const IdMap&) const = default;
};

enum class CapabilityPolicy { Default, Allow, Deny };

struct CapabilityFeature {
  CapabilityPolicy policy = CapabilityPolicy::Default;
  std::map<std::string, bool> states;  // libvirt's lower-case names without CAP_; true is 'on'
  bool operator==(const CapabilityFeature&) const = default;
};

struct Features {
  bool privnet = false;
  std::optional<CapabilityFeature> capabilities;
  std::vector<Element> others;  // other known feature elements in libvirt's order, stored only
  bool operator==(const Features&) const = default;
};

struct ClockTimer {
  std::string name;
  std::optional<bool> present;
  std::map<std::string, std::string> attributes;  // the remaining ones, stored only
  std::optional<Element> catchup;                 // stored only
  bool operator==(const ClockTimer&) const = default;
};

struct Clock {
  std::string offset = "utc";
  std::map<std::string, std::string> attributes;  // adjustment, basis, timezone, start
  std::vector<ClockTimer> timers;
  bool operator==(const Clock&) const = default;
};

/// What libvirt calls "no limit".
inline constexpr std::uint64_t kUnlimitedKib = 9007199254740991;

struct MemoryTune {
  std::optional<std::uint64_t> hard_limit_kib, soft_limit_kib, swap_hard_limit_kib, min_guarantee_kib;
  bool operator==(const MemoryTune&) const = default;
};

struct CpuTune {
  std::optional<std::uint64_t> shares, period_us;
  std::optional<std::int64_t> quota_us;
  std::vector<Element> others;  // global_period, vcpupin, emulatorpin ...: stored only
  bool operator==(const CpuTune&) const = default;
};

enum class VcpuPlacement { Static, Auto };

struct BlockDeviceTune {
  std::string path;
  std::optional<unsigned> weight;
  std::optional<std::uint64_t> read_iops_sec, write_iops_sec, read_bytes_sec, write_bytes_sec;
  bool operator==(const BlockDeviceTune&) const = default;
};

struct BlockTune {
  std::optional<unsigned> weight;
  std::vector<BlockDeviceTune> devices;
  bool operator==(const BlockTune&) const = default;
};

enum class NumaMode { Strict, Preferred, Interleave, Restrictive };

/// numatune/memory. Without a nodeset the placement is automatic.
struct NumaTune {
  NumaMode mode = NumaMode::Strict;
  std::string nodeset;  // list syntax
  bool operator==(const NumaTune&) const = default;
};

enum class SecurityLabelType { None, Dynamic, Static };

struct SecurityLabel {
  SecurityLabelType type = SecurityLabelType::None;
  std::string model;  // empty until apply_defaults names the host's
  std::optional<bool> relabel;
  std::string label, base_label;
  std::string image_label;  // live only
  bool operator==(const SecurityLabel&) const = default;
};

/// A namespace taken over from elsewhere (lxc:sharenet and so on).
struct SharedNamespace {
  enum class From { Name, Pid, Netns };
  From from = From::Name;
  std::string value;
  bool operator==(const SharedNamespace&) const = default;
};

enum class FilesystemType { Mount, Bind, File, Block, Ram, Template, Volume };

struct Filesystem {
  FilesystemType type = FilesystemType::Mount;
  std::string access_mode;            // passthrough unless given
  std::string source;                 // directory, file, device or template name
  std::uint64_t ram_usage_bytes = 0;  // type ram
  std::string pool, volume;           // type volume
  std::string target;
  bool readonly = false;
  std::string driver_type, driver_format, driver_wrpolicy;
  std::string model, multidevs;          // stored only
  std::optional<unsigned> fmode, dmode;  // stored only
  std::optional<Element> address;        // stored only
  std::optional<std::uint64_t> space_hard_limit_bytes, space_soft_limit_bytes;
  std::string alias;            // live only: fs0 ..., unless the user has given one (see alias_of)
  std::vector<Element> others;  // binary, the rest of driver and source: stored only
  bool operator==(const Filesystem&) const = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
  auto operator<=>(const MacAddress&) const = default;
};

struct IpAddress {
  std::string address;
  std::string family = "ipv4";
  std::optional<unsigned> prefix;
  std::string peer;
  bool operator==(const IpAddress&) const = default;
};

struct Route {
  std::string family, address, gateway;
  std::optional<unsigned> prefix, metric;
  std::string netmask;  // printed in place of the prefix where it was given so
  bool operator==(const Route&) const = default;
};

struct InterfaceBridge {
  std::string bridge;
  std::string network, portgroup, port_id;  // live only: the network this bridge was resolved from
  bool networks_own = false;                // live only: libvirt made it for the network; shown as type 'network'
  bool operator==(const InterfaceBridge&) const = default;
};
struct InterfaceNetwork {
  std::string network, portgroup;
  std::string port_id;  // live only
  bool operator==(const InterfaceNetwork&) const = default;
};
struct InterfaceDirect {
  std::string dev, mode = "vepa";
  std::string network, portgroup, port_id;  // live only: the network this device was resolved from
  bool operator==(const InterfaceDirect&) const = default;
};
struct InterfaceEthernet {
  std::vector<IpAddress> host_ips;  // of the host's end
  std::vector<Route> host_routes;
  bool operator==(const InterfaceEthernet&) const = default;
};
/// A network card of the host, which moves into the container.
struct InterfaceHostDevice {
  std::optional<Element> address;           // of its bus; absent: refused at start
  std::string network, portgroup, port_id;  // live only: the network that handed it out
  bool operator==(const InterfaceHostDevice&) const = default;
};
/// Types that are stored and refused at start (user, server, client, mcast, udp, internal, vhostuser ...).
struct InterfaceOther {
  std::string type;
  std::map<std::string, std::string> source;
  std::vector<Element> source_children;  // stored only
  bool operator==(const InterfaceOther&) const = default;
};

/// In kB/s and, for burst, KiB; as the container sees it: inbound is what it receives.
struct BandwidthRate {
  std::uint64_t average = 0;
  std::optional<std::uint64_t> peak, burst, floor;
  bool operator==(const BandwidthRate&) const = default;
};

struct Bandwidth {
  std::optional<BandwidthRate> inbound, outbound;
  bool operator==(const Bandwidth&) const = default;
};

struct VlanTag {
  unsigned id = 0;
  std::string native_mode;  // "tagged", "untagged" or empty
  bool operator==(const VlanTag&) const = default;
};

struct Vlan {
  bool trunk = false;
  std::vector<VlanTag> tags;
  bool operator==(const Vlan&) const = default;
};

struct VirtualPort {
  std::string type;
  std::map<std::string, std::string> parameters;
  bool operator==(const VirtualPort&) const = default;
};

struct FilterReference {
  std::string filter;
  std::vector<std::pair<std::string, std::string>> parameters;
  bool operator==(const FilterReference&) const = default;
};

/// What a network can add to an interface.
struct PortSettings {
  std::optional<Vlan> vlan;
  std::optional<VirtualPort> virtual_port;
  std::optional<Bandwidth> bandwidth;
  std::optional<bool> isolated;
  std::optional<unsigned> mtu;
  bool operator==(const PortSettings&) const = default;
};

struct Interface {
  std::variant<InterfaceOther, InterfaceBridge, InterfaceNetwork, InterfaceDirect, InterfaceEthernet,
               InterfaceHostDevice>
      source;
  MacAddress mac;                   // all zero until apply_defaults makes one up
  std::string mac_type, mac_check;  // stored only
  std::string target_dev;           // host side; live: the real name
  std::string guest_dev;            // inside, as configured
  std::string guest_dev_actual;     // inside, live
  std::string alias;                // live only: net0 ..., unless the user has given one (see alias_of)
  std::optional<bool> link_up;
  std::optional<unsigned> mtu;
  std::string model;
  std::vector<IpAddress> ips;
  std::vector<Route> routes;
  std::optional<Vlan> vlan;
  base::Boxed<VirtualPort> virtual_port;
  base::Boxed<Bandwidth> bandwidth;
  std::optional<bool> port_isolated;
  base::Boxed<PortSettings> configured_port;  // live only: what it had of these itself before its network added some
  base::Boxed<FilterReference> filter;
  std::string script, downscript;
  std::vector<Element> others;  // driver, tune, address ..., the rest of target, own attributes: stored only
  bool operator==(const Interface&) const = default;
};

struct DriveAddress {
  unsigned controller = 0, bus = 0, target = 0, unit = 0;
  bool operator==(const DriveAddress&) const = default;
};

struct Disk {
  std::string type = "file";  // block, file; dir, network, volume ...: stored only
  std::string device = "disk";
  std::string source;                   // the block device or file
  std::string startup_policy;           // stored only
  std::optional<Element> other_source;  // of the other types, and children of the source: stored only
  std::string driver_name, driver_format, driver_cache;
  std::string target, bus;
  bool readonly = false;
  std::optional<DriveAddress> address;
  std::string alias;            // live only: disk0 ..., unless the user has given one (see alias_of)
  std::vector<Element> others;  // iotune, serial, boot ..., the rest of driver and target, own attributes: stored only
  bool operator==(const Disk&) const = default;
};

struct UsbProduct {
  unsigned vendor = 0, product = 0;
  bool operator==(const UsbProduct&) const = default;
};

struct UsbAddress {
  unsigned bus = 0, device = 0;
  bool operator==(const UsbAddress&) const = default;
};

enum class HostDeviceMode { Subsystem, Capabilities };

struct HostDevice {
  HostDeviceMode mode = HostDeviceMode::Subsystem;
  std::string type;  // usb; storage, misc, net; pci, scsi, scsi_host, mdev: stored only
  bool managed = false;
  std::string startup_policy, model;      // stored only
  std::string path;                       // block or char device node, or the interface's name
  std::optional<UsbProduct> usb_product;  // type usb: this or the address, or both
  std::optional<UsbAddress> usb_address;
  std::vector<IpAddress> ips;  // type net
  std::vector<Route> routes;
  std::string alias;            // live only: hostdev0 ..., likewise
  std::vector<Element> others;  // source of other types, driver, address ..., own attributes: stored only
  bool operator==(const HostDevice&) const = default;
};

struct Console {
  std::string type = "pty";
  std::string target_type = "lxc";
  std::string path;             // live only: the host side's pty
  std::string alias;            // live only: console0 ...
  std::vector<Element> others;  // source (types but pty), protocol, log: stored only
  bool operator==(const Console&) const = default;
};

/// overlayfs over the root's source, which stays as it is. The changes are kept in "upper" below `directory`, or,
/// without one, in memory until the stop.
struct RootOverlay {
  std::string directory;
  std::optional<std::uint64_t> memory_limit_kib;  // without directory only
  bool operator==(const RootOverlay&) const = default;
};

/// Host ids from the ranges in /etc/subuid and /etc/subgid; `start` is chosen by the driver unless given.
struct AutomaticIdMap {
  std::uint32_t count = 65536;
  std::optional<std::uint32_t> start;
  bool operator==(const AutomaticIdMap&) const = default;
};

/// One of setrlimit(2), by the lower-case name without RLIMIT_; absent values are "unlimited".
struct ResourceLimit {
  std::string name;
  std::optional<std::uint64_t> soft, hard;
  bool operator==(const ResourceLimit&) const = default;
};

/// What libvirt's own elements cannot say: <lxcell:container>.
struct Extension {
  std::string seccomp = "default";  // "strict", "unconfined", or the absolute path of an OCI profile
  std::optional<std::uint64_t> pids_limit;
  std::vector<ResourceLimit> resource_limits;
  std::optional<RootOverlay> overlay;
  std::optional<AutomaticIdMap> idmap;
  bool host_ids = false;  // no user namespace, even where the daemon gives one to whoever names no ids
  bool operator==(const Extension&) const = default;
};

struct DomainDefinition {
  std::string type = "lxc";
  std::string name;
  base::Uuid uuid;
  std::string genid, title, description;
  std::string metadata;  // the children of <metadata> as XML text, empty when absent
  std::uint64_t memory_kib = 0;
  std::uint64_t current_memory_kib = 0;
  std::optional<bool> dump_core;  // memory/@dumpCore, stored only
  BlockTune block_tune;
  MemoryTune memory_tune;
  unsigned vcpus = 1;
  std::optional<unsigned> vcpus_current;
  VcpuPlacement vcpu_placement = VcpuPlacement::Static;
  std::string cpuset;  // libvirt's list syntax, empty when absent
  CpuTune cpu_tune;
  std::optional<NumaTune> numa_tune;
  std::string partition;  // resource/partition, empty when absent
  Os os;
  IdMap idmap;
  Features features;
  Clock clock;
  LifecycleAction on_poweroff = LifecycleAction::Destroy;
  LifecycleAction on_reboot = LifecycleAction::Restart;
  LifecycleAction on_crash = LifecycleAction::Destroy;
  std::string emulator;
  std::vector<Disk> disks;  // ordered by the number in their target's name
  std::vector<Filesystem> filesystems;
  std::vector<Interface> interfaces;
  std::vector<Console> consoles;
  std::vector<HostDevice> host_devices;
  std::vector<Element> other_devices;  // devices a container has no use for, stored only
  std::vector<SecurityLabel> security_labels;
  std::optional<SharedNamespace> shared_net, shared_ipc, shared_uts;
  Extension extension;
  std::vector<Element> others;  // memoryBacking, sysinfo, cpu, pm, perf ...: stored only
  bool operator==(const DomainDefinition&) const = default;
};

/// How many processors it has now: all of them unless `vcpu/@current` says fewer.
inline unsigned current_vcpus(const DomainDefinition& definition) {
  return definition.vcpus_current.value_or(definition.vcpus);
}

}  // namespace domain_xml
