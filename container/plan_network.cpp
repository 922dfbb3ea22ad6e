// The container's links: what each interface becomes, its names, addresses and routes.
#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/format.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::Interface;

/// Overload set for std::visit.
template <typename... Calls>
struct Visitor : Calls... {
  using Calls::operator()...;
};
template <typename... Calls>
Visitor(Calls...) -> Visitor<Calls...>;

bool is_ipv6(const std::string& family, const std::string& address) {
  return family == "ipv6" || (family.empty() && address.find(':') != address.npos);
}

bool is_unspecified(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

/// The network class of a network address, which is what an absent route prefix has always meant.
unsigned classful_prefix(const std::string& address) {
  in_addr number{};
  if (::inet_pton(AF_INET, address.c_str(), &number) != 1) return 32;
  const auto first = ntohl(number.s_addr) >> 24;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

/// Without a prefix only the usual small subnet is local; stock makes all of 10.0.0.0/8 local there.
unsigned address_prefix(const domain_xml::IpAddress& ip) {
  return ip.prefix.value_or(is_ipv6(ip.family, ip.address) ? 64 : 24);
}

RoutePlan route_plan(const domain_xml::Route& route) {
  const bool ipv6 = is_ipv6(route.family, route.address.empty() ? route.gateway : route.address);
  RoutePlan plan;
  plan.destination = !route.address.empty() ? route.address : ipv6 ? "::" : "0.0.0.0";
  const unsigned implied = is_unspecified(plan.destination) ? 0 : ipv6 ? 64 : classful_prefix(plan.destination);
  plan.prefix = route.prefix.value_or(implied);
  plan.gateway = route.gateway;
  plan.metric = route.metric.value_or(1);
  return plan;
}

std::vector<AddressPlan> address_plans(const std::vector<domain_xml::IpAddress>& ips) {
  std::vector<AddressPlan> plans;
  for (const auto& ip : ips) plans.push_back({ip.address, address_prefix(ip), ip.peer});
  return plans;
}

std::vector<RoutePlan> route_plans(const std::vector<domain_xml::Route>& routes) {
  std::vector<RoutePlan> plans;
  for (const auto& route : routes) plans.push_back(route_plan(route));
  return plans;
}

std::optional<netlink::BandwidthRate> rate_plan(const std::optional<domain_xml::BandwidthRate>& rate) {
  if (!rate) return std::nullopt;
  return netlink::BandwidthRate{rate->average, rate->peak, rate->burst, rate->floor};
}

/// A single tag is what the container's untagged frames belong to; of several, the one that says so.
std::vector<netlink::PortVlan> vlan_plans(const std::optional<domain_xml::Vlan>& vlan) {
  std::vector<netlink::PortVlan> plans;
  if (!vlan) return plans;
  for (const auto& tag : vlan->tags) {
    const bool untagged = !vlan->trunk || tag.native_mode == "untagged";
    plans.push_back({tag.id, untagged || tag.native_mode == "tagged", untagged});
  }
  return plans;
}

void require_link_name(const std::string& name) {
  if (name.size() > 15 || name.find('/') != name.npos || name == "." || name == "..")
    base::fail(Code::ConfigUnsupported, "invalid network device name '", name, "'");
}

void refuse_virtual_port(const Interface& interface) {
  if (interface.virtual_port && !interface.virtual_port->type.empty())
    base::fail(Code::ConfigUnsupported, "virtualport type '", interface.virtual_port->type,
               "' is not supported on this kind of interface");
}

void refuse_vlan(const Interface& interface) {
  if (interface.vlan)
    base::fail(Code::ConfigUnsupported, "vlan tags are for interfaces in a bridge only, interface '",
               domain_xml::format_mac(interface.mac), "'");
}

netlink::VethPlan veth_plan(const Interface& interface, const std::string& guest_name) {
  netlink::VethPlan plan;
  plan.host_name = interface.target_dev;
  plan.guest_name = guest_name;
  plan.guest_mac = interface.mac.bytes;
  plan.mtu = interface.mtu;
  plan.host_up = interface.link_up.value_or(true);
  return plan;
}

OvsPlan ovs_plan(const Interface& interface, const std::string& bridge) {
  const auto& parameters = interface.virtual_port->parameters;
  const auto parameter = [&](const char* name) {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  };
  return {bridge, parameter("interfaceid"), parameter("profileid"), domain_xml::format_mac(interface.mac),
          vlan_plans(interface.vlan)};
}

LinkPlan bridged_plan(const Interface& interface, const domain_xml::InterfaceBridge& source,
                      const std::string& guest_name) {
  if (interface.virtual_port && interface.virtual_port->type == "openvswitch")
    return {.kind = veth_plan(interface, guest_name), .ovs = ovs_plan(interface, source.bridge)};
  refuse_virtual_port(interface);
  netlink::VethPlan veth = veth_plan(interface, guest_name);
  veth.bridge = source.bridge;
  return {.kind = veth, .isolated = interface.port_isolated.value_or(false), .vlans = vlan_plans(interface.vlan)};
}

LinkPlan ethernet_plan(const Interface& interface, const domain_xml::InterfaceEthernet& source,
                       const std::string& guest_name) {
  refuse_vlan(interface);
  return {.kind = veth_plan(interface, guest_name),
          .host_addresses = address_plans(source.host_ips),
          .host_routes = route_plans(source.host_routes)};
}

netlink::MacvlanMode macvlan_mode(const std::string& word) {
  if (word == "private") return netlink::MacvlanMode::Private;
  if (word == "bridge") return netlink::MacvlanMode::Bridge;
  if (word == "passthrough") return netlink::MacvlanMode::Passthrough;
  return netlink::MacvlanMode::Vepa;
}

LinkPlan direct_plan(const Interface& interface, const domain_xml::InterfaceDirect& source,
                     const std::string& guest_name) {
  refuse_virtual_port(interface);
  refuse_vlan(interface);
  return {.kind = netlink::MacvlanPlan{source.dev, macvlan_mode(source.mode), guest_name, interface.mac.bytes,
                                       interface.mtu}};
}

/// As sysfs writes it: "0000:03:10.1".
std::string pci_device(const Interface& interface, const domain_xml::InterfaceHostDevice& source) {
  const std::string mac = domain_xml::format_mac(interface.mac);
  if (!source.address)
    base::fail(Code::ConfigUnsupported, "interface '", mac, "' of type 'hostdev' needs the address of a PCI device");
  std::map<std::string, std::string> given(source.address->attributes.begin(), source.address->attributes.end());
  if (given["type"] != "pci")
    base::fail(Code::ConfigUnsupported, "interface '", mac, "' of type 'hostdev' has an address of type '",
               given["type"], "', only that of a PCI device can be used");
  const auto number = [&](const char* name) { return std::strtoul(given[name].c_str(), nullptr, 0); };
  char text[32];
  std::snprintf(text, sizeof text, "%04lx:%02lx:%02lx.%lx", number("domain") & 0xffff, number("bus") & 0xff,
                number("slot") & 0x1f, number("function") & 7);
  return text;
}

LinkPlan host_device_plan(const Interface& interface, const domain_xml::InterfaceHostDevice& source,
                          const std::string& guest_name) {
  refuse_virtual_port(interface);
  refuse_vlan(interface);
  if (interface.bandwidth)
    base::fail(Code::ConfigUnsupported, "bandwidth cannot be limited on an interface of type 'hostdev', interface '",
               domain_xml::format_mac(interface.mac), "'");
  return {.kind = LentPlan{.pci_device = pci_device(interface, source),
                           .guest_name = guest_name,
                           .mac = interface.mac.bytes,
                           .mtu = interface.mtu}};
}

LinkPlan plan_of_kind(const Interface& interface, const std::string& guest_name) {
  return std::visit(
      Visitor{[&](const domain_xml::InterfaceBridge& one) { return bridged_plan(interface, one, guest_name); },
              [&](const domain_xml::InterfaceEthernet& one) { return ethernet_plan(interface, one, guest_name); },
              [&](const domain_xml::InterfaceDirect& one) { return direct_plan(interface, one, guest_name); },
              [&](const domain_xml::InterfaceHostDevice& one) { return host_device_plan(interface, one, guest_name); },
              [](const domain_xml::InterfaceNetwork& one) -> LinkPlan {
                base::fail(Code::ConfigUnsupported, "interface of network '", one.network,
                           "': the network has not been resolved to a bridge or device");
              },
              [](const domain_xml::InterfaceOther& one) -> LinkPlan {
                base::fail(Code::InternalError, "unsupported interface type '", one.type, "'");
              }},
      interface.source);
}

LinkPlan lent_plan(const domain_xml::HostDevice& device) {
  require_link_name(device.path);
  return {.kind = LentPlan{.link = device.path, .guest_name = device.path},
          .guest_up = true,
          .addresses = address_plans(device.ips),
          .routes = route_plans(device.routes)};
}

void require_different_names(const std::vector<LinkPlan>& links) {
  std::set<std::string> names;
  for (const auto& link : links)
    if (!names.insert(link.guest_name()).second)
      base::fail(Code::ConfigUnsupported, "two interfaces are named '", link.guest_name(), "' inside the container");
}

/// The kernel would take it, and answer on either of them.
void require_different_addresses(const std::vector<LinkPlan>& links) {
  std::set<std::string> addresses;
  for (const auto& link : links)
    for (const auto& address : link.addresses)
      if (!addresses.insert(address.address).second)
        base::fail(Code::ConfigUnsupported, "IP address '", address.address, "' is given twice");
}

}  // namespace

const std::string& LinkPlan::guest_name() const {
  return std::visit(
      Visitor{[](const netlink::VethPlan& veth) -> const std::string& { return veth.guest_name; },
              [](const netlink::MacvlanPlan& macvlan) -> const std::string& { return macvlan.guest_name; },
              [](const LentPlan& lent) -> const std::string& { return lent.guest_name; }},
      kind);
}

LinkPlan plan_link(const Interface& interface, const std::string& unnamed) {
  if (!interface.script.empty())
    base::fail(Code::ConfigUnsupported, "script '", interface.script, "' of an interface is not supported");
  const std::string& guest_name = interface.guest_dev.empty() ? unnamed : interface.guest_dev;
  require_link_name(interface.target_dev);
  require_link_name(guest_name);
  LinkPlan plan = plan_of_kind(interface, guest_name);
  // Others than a veth have no host end that could be up or down in their place.
  const bool veth = std::holds_alternative<netlink::VethPlan>(plan.kind);
  plan.guest_up = veth ? !interface.ips.empty() || interface.link_up.value_or(false) : interface.link_up.value_or(true);
  plan.addresses = address_plans(interface.ips);
  plan.routes = route_plans(interface.routes);
  if (interface.bandwidth)
    plan.bandwidth = {rate_plan(interface.bandwidth->inbound), rate_plan(interface.bandwidth->outbound)};
  return plan;
}

bool is_network_device(const domain_xml::HostDevice& device) {
  return device.mode == domain_xml::HostDeviceMode::Capabilities && device.type == "net";
}

std::vector<LinkPlan> plan_links(const domain_xml::DomainDefinition& definition) {
  std::vector<LinkPlan> links;
  unsigned unnamed = 0;
  for (const auto& interface : definition.interfaces) {
    const std::string name = "eth" + std::to_string(unnamed);
    if (interface.guest_dev.empty()) ++unnamed;
    links.push_back(plan_link(interface, name));
  }
  for (const auto& device : definition.host_devices)
    if (is_network_device(device)) links.push_back(lent_plan(device));
  require_different_names(links);
  require_different_addresses(links);
  return links;
}

}  // namespace container
