// The container's links: a veth pair per interface, its names, addresses and routes.
#include <arpa/inet.h>

#include "base/error.hpp"
#include "container/plan_container.hpp"

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

/// The bridge the host end joins, empty for none.
std::string bridge_of(const Interface& interface) {
  return std::visit(Visitor{[](const domain_xml::InterfaceBridge& one) { return one.bridge; },
                            [](const domain_xml::InterfaceEthernet&) { return std::string(); },
                            [](const domain_xml::InterfaceNetwork& one) -> std::string {
                              base::fail(Code::ConfigUnsupported, "interface type 'network' (network '", one.network,
                                         "') is not supported, use type 'bridge'");
                            },
                            [](const domain_xml::InterfaceDirect& one) -> std::string {
                              base::fail(Code::ConfigUnsupported, "interface type 'direct' (device '", one.dev,
                                         "') is not supported");
                            },
                            [](const domain_xml::InterfaceOther& one) -> std::string {
                              base::fail(Code::InternalError, "unsupported interface type '", one.type, "'");
                            }},
                    interface.source);
}

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

LinkPlan link_plan(const Interface& interface, unsigned& unnamed) {
  LinkPlan plan;
  plan.veth.bridge = bridge_of(interface);
  plan.veth.host_name = interface.target_dev;
  plan.veth.guest_name = interface.guest_dev.empty() ? "eth" + std::to_string(unnamed++) : interface.guest_dev;
  plan.veth.guest_mac = interface.mac.bytes;
  plan.veth.mtu = interface.mtu;
  plan.veth.host_up = interface.link_up.value_or(true);
  plan.guest_up = !interface.ips.empty() || interface.link_up.value_or(false);
  for (const auto& ip : interface.ips) plan.addresses.push_back({ip.address, address_prefix(ip), ip.peer});
  for (const auto& route : interface.routes) plan.routes.push_back(route_plan(route));
  return plan;
}

void require_link_name(const std::string& name) {
  if (name.size() > 15 || name.find('/') != name.npos || name == "." || name == "..")
    base::fail(Code::ConfigUnsupported, "invalid network device name '", name, "'");
}

}  // namespace

std::vector<LinkPlan> plan_links(const domain_xml::DomainDefinition& definition) {
  std::vector<LinkPlan> links;
  unsigned unnamed = 0;
  for (const auto& interface : definition.interfaces) {
    links.push_back(link_plan(interface, unnamed));
    require_link_name(links.back().veth.host_name);
    require_link_name(links.back().veth.guest_name);
    for (std::size_t i = 0; i + 1 < links.size(); ++i)
      if (links[i].veth.guest_name == links.back().veth.guest_name)
        base::fail(Code::ConfigUnsupported, "two interfaces are named '", links[i].veth.guest_name,
                   "' inside the container");
  }
  return links;
}

}  // namespace container
