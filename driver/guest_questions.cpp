#include "driver/guest_questions.hpp"

#include <libvirt/libvirt.h>

#include <variant>

#include "base/error.hpp"
#include "domain-xml/format.hpp"
#include "driver/dhcp_leases.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::Interface;

rpc::DomainIpAddr wire_address(bool ipv6, const std::string& text, unsigned prefix) {
  return {ipv6 ? VIR_IP_ADDR_TYPE_IPV6 : VIR_IP_ADDR_TYPE_IPV4, text, prefix};
}

/// The network an interface is on; "" for none of libvirt's.
std::string network_of(const Interface& interface) {
  return std::visit(
      [](const auto& source) -> std::string {
        if constexpr (requires { source.network; }) return source.network;
        return {};
      },
      interface.source);
}

/// An interface as the host knows it.
rpc::DomainInterface seen_from_host(const Interface& interface) {
  return {.name = interface.target_dev, .hwaddr = domain_xml::format_mac(interface.mac), .addrs = {}};
}

/// Those of whom something is known.
void add_if_known(GuestInterfaces& interfaces, rpc::DomainInterface interface) {
  if (!interface.addrs.empty()) interfaces.push_back(std::move(interface));
}

GuestInterfaces by_leases(DhcpLeases& leases, const DomainSnapshot& domain) {
  GuestInterfaces interfaces;
  for (const Interface& interface : domain.live->interfaces) {
    const std::string network = network_of(interface);
    if (network.empty()) continue;
    auto seen = seen_from_host(interface);
    for (const auto& lease : leases.of(network, *seen.hwaddr))
      seen.addrs.push_back(wire_address(lease.ipv6, lease.address, lease.prefix));
    add_if_known(interfaces, std::move(seen));
  }
  return interfaces;
}

GuestInterfaces by_neighbors(const Backend& backend, const DomainSnapshot& domain) {
  GuestInterfaces interfaces;
  const auto neighbors = backend.neighbors();
  for (const Interface& interface : domain.live->interfaces) {
    auto seen = seen_from_host(interface);
    for (const auto& neighbor : neighbors)
      if (neighbor.mac == interface.mac.bytes)
        seen.addrs.push_back(wire_address(neighbor.address.ipv6, neighbor.address.text, neighbor.address.prefix));
    add_if_known(interfaces, std::move(seen));
  }
  return interfaces;
}

GuestInterfaces from_inside(const DomainSnapshot& domain) {
  GuestInterfaces interfaces;
  for (const auto& link : domain.running->guest_links()) {
    rpc::DomainInterface interface {
      .name = link.name, .hwaddr = {}, .addrs = {}
    };
    if (link.mac) interface.hwaddr = domain_xml::format_mac({*link.mac});
    for (const auto& address : link.addresses)
      interface.addrs.push_back(wire_address(address.ipv6, address.text, address.prefix));
    interfaces.push_back(std::move(interface));
  }
  return interfaces;
}

void require_running(const DomainSnapshot& domain) {
  if (!domain.running) base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
}

std::string hostname_by_lease(DhcpLeases& leases, const DomainSnapshot& domain) {
  for (const Interface& interface : domain.live->interfaces)
    if (const std::string network = network_of(interface); !network.empty())
      for (const auto& lease : leases.of(network, domain_xml::format_mac(interface.mac)))
        if (!lease.hostname.empty()) return lease.hostname;
  return {};
}

}  // namespace

GuestInterfaces guest_interfaces(const Services& services, const DomainSnapshot& domain, unsigned source) {
  require_running(domain);
  switch (source) {
    case VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE:
      return by_leases(services.dhcp_leases, domain);
    case VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT:
      return from_inside(domain);
    case VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP:
      return by_neighbors(services.backend, domain);
    default:
      base::fail(Code::ArgumentUnsupported, "unknown source ", source, " of IP addresses");
  }
}

std::string guest_hostname(const Services& services, const DomainSnapshot& domain, unsigned flags) {
  require_running(domain);
  const bool lease = (flags & VIR_DOMAIN_GET_HOSTNAME_LEASE) != 0;
  if (lease && (flags & VIR_DOMAIN_GET_HOSTNAME_AGENT))
    base::fail(Code::InvalidArg, "flags 'lease' and 'agent' are mutually exclusive in virDomainGetHostname");
  const std::string name = lease ? hostname_by_lease(services.dhcp_leases, domain) : domain.running->hostname();
  if (name.empty()) base::fail(Code::NoHostname, "no hostname found for domain '", domain.identity.name, "'");
  return name;
}

}  // namespace driver
