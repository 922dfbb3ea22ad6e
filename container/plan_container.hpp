// From a definition to everything its start needs, decided before anything exists. Pure: the same definition and facts
// give the same plans, and a refusal here (with libvirt's code) leaves nothing behind.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cgroup/limits.hpp"
#include "cgroup/scope_place.hpp"
#include "container/host_facts.hpp"
#include "container/ovs_port.hpp"
#include "container/plan.hpp"
#include "container/unsafe_defaults.hpp"
#include "domain-xml/definition.hpp"
#include "netlink/bandwidth.hpp"
#include "netlink/macvlan.hpp"
#include "netlink/port.hpp"
#include "netlink/veth.hpp"

namespace container {

ContainerPlan plan_container(const domain_xml::DomainDefinition& definition, const HostFacts& facts,
                             const UnsafeDefaults& unsafe);

/// Memory, CPU, process count, block I/O and devices, for the container's cgroup. Throws SystemError for a path in
/// <blkiotune> that is no block device.
cgroup::Limits plan_limits(const domain_xml::DomainDefinition& definition, const LimitFacts& facts);
/// What to change in a running container's cgroup when its definition changes from `before` to `after`. Throws
/// OperationInvalid for what cannot change while it runs, else as plan_limits().
cgroup::Limits plan_limit_change(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                                 const LimitFacts& facts);
/// The processors a container may run on, as a list; empty for all of them. What <vcpu cpuset=> names, or all its vcpus
/// are pinned to; and with fewer current vcpus than the maximum, that many of these, beginning at one that the uuid
/// chooses, so that not all small containers meet on the first processor.
std::string plan_cpuset(const domain_xml::DomainDefinition& definition, const std::string& online_cpus);

/// Whether the pins of vcpus decide that: once every current vcpu has one.
bool pins_in_force(const domain_xml::DomainDefinition& definition);

/// Whose the tree of cgroups is: where it is systemd's, containers live in scopes that it delegates.
enum class CgroupTree { Ours, Systemd };

struct CgroupPlace {
  std::string partition;                    // "/machine/prod.partition"; the path of the scope where there is one
  std::string leaf;                         // "lxc-web-6f1c....libvirt-lxc"
  std::optional<cgroup::ScopePlace> scope;  // must be held while something is made in it
  bool operator==(const CgroupPlace&) const = default;
};
/// `default_partition` is used when the definition names none. Throws ConfigUnsupported for a path that is relative or
/// has "." or ".." in it.
CgroupPlace plan_cgroup(const domain_xml::DomainDefinition& definition, const std::string& default_partition,
                        CgroupTree tree);

/// Tells init that it is given `count` descriptors, as for socket activation (sd_listen_fds(3)): LISTEN_FDS and
/// LISTEN_PID, unless the definition says something of its own about them. Throws ConfigUnsupported for too many.
void plan_given_descriptors(ContainerPlan& plan, std::size_t count);

/// The directories of the container's cgroups: what it sees as their root, and where the supervisor finds the figures
/// for its own view, if it serves one.
void plan_cgroup_places(ContainerPlan& plan, const cgroup::Hierarchy& hierarchy, const CgroupPlace& place);

struct AddressPlan {
  std::string address;
  unsigned prefix = 0;
  std::string peer;
  bool operator==(const AddressPlan&) const = default;
};
struct RoutePlan {
  std::string destination;
  unsigned prefix = 0;
  std::string gateway;
  unsigned metric = 1;
  bool operator==(const RoutePlan&) const = default;
};
/// A link of the host that the container has while it runs.
struct LentPlan {
  std::string link;  // its name on the host; empty: that of pci_device
  std::string pci_device;
  std::string guest_name;
  std::optional<netlink::Mac> mac;  // inside; absent: its own
  std::optional<unsigned> mtu;
  bool operator==(const LentPlan&) const = default;
};
struct LinkPlan {
  std::variant<netlink::VethPlan, netlink::MacvlanPlan, LentPlan> kind;
  bool guest_up = false;
  std::vector<AddressPlan> addresses;
  std::vector<RoutePlan> routes;
  netlink::Bandwidth bandwidth;
  // Of a veth's host end, whose host_name is empty where the next vnetN is to be picked.
  bool isolated = false;
  std::vector<netlink::PortVlan> vlans;
  std::optional<OvsPlan> ovs;  // in place of the veth's bridge
  std::vector<AddressPlan> host_addresses;
  std::vector<RoutePlan> host_routes;

  const std::string& guest_name() const;
  bool operator==(const LinkPlan&) const = default;
};
/// `unnamed` is the name inside for an interface without one. Throws InternalError or ConfigUnsupported for what cannot
/// be had.
LinkPlan plan_link(const domain_xml::Interface& interface, const std::string& unnamed);
/// One per interface, in order, then one per host device of type net.
std::vector<LinkPlan> plan_links(const domain_xml::DomainDefinition& definition);
/// <hostdev mode='capabilities' type='net'>.
bool is_network_device(const domain_xml::HostDevice& device);

/// True unless the container is to live in the host's network namespace, or in another one's. Throws ConfigUnsupported
/// if it is to have both.
bool has_private_network(const domain_xml::DomainDefinition& definition, const UnsafeDefaults& unsafe);

/// Whether a definition asks for something that only the host's own users can have: a capability over the host,
/// another's namespace, or the host's whole tree as root directory.
bool needs_host_users(const domain_xml::DomainDefinition& definition);

/// The definition with the host's root put first if it has no filesystem on "/" and that is wanted; else unchanged.
domain_xml::DomainDefinition with_root(const domain_xml::DomainDefinition& definition, const UnsafeDefaults& unsafe);
/// The definition with <idmap> entries in place of an automatic id map, whose ids have been chosen.
domain_xml::DomainDefinition with_id_map(const domain_xml::DomainDefinition& definition);
/// The filesystem on "/", nullptr if there is none.
const domain_xml::Filesystem* find_root(const domain_xml::DomainDefinition& definition);

struct MountChange {
  std::vector<std::string> removed;  // targets
  std::vector<MountStep> added;
  bool operator==(const MountChange&) const = default;
};
/// What to mount and unmount in a container when its definition changes from `before` to `after`; facts of `after`.
/// Throws OperationUnsupported for the root, SystemError for a source that cannot be reached, ConfigUnsupported for a
/// type that cannot be had.
MountChange plan_mount_change(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                              const HostFacts& facts);

/// The container's paths and devices as a user namespace sees them: `id` inside is what on the host. Identity without
/// map.
std::optional<std::uint32_t> to_host_id(const std::vector<domain_xml::IdMapEntry>& map, std::uint32_t id);

}  // namespace container
