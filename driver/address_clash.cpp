#include "driver/address_clash.hpp"

#include <algorithm>
#include <variant>

#include "base/error.hpp"
#include "driver/domain.hpp"

namespace driver {
namespace {

using domain_xml::Interface;

/// Where its frames can be heard; "" for one that shares no medium with other containers.
std::string place_of(const Interface& interface) {
  if (const auto* bridge = std::get_if<domain_xml::InterfaceBridge>(&interface.source)) return bridge->bridge;
  if (const auto* direct = std::get_if<domain_xml::InterfaceDirect>(&interface.source)) return direct->dev;
  return {};
}

bool share_place(const Interface& one, const Interface& other) {
  const std::string place = place_of(one);
  return !place.empty() && place == place_of(other) && one.vlan == other.vlan;
}

void require_different(const Interface& interface, const Interface& other, const std::string& other_name) {
  if (!share_place(interface, other)) return;
  for (const auto& ip : interface.ips)
    if (std::ranges::count(other.ips, ip.address, &domain_xml::IpAddress::address) > 0)
      base::fail(base::Code::OperationFailed, "IP address '", ip.address, "' is that of domain '", other_name, "' on '",
                 place_of(interface), "' already");
}

}  // namespace

void require_free_addresses(const DomainRegistry& registry, const std::string& own_name,
                            const std::vector<Interface>& interfaces) {
  if (std::ranges::all_of(interfaces, [](const Interface& one) { return one.ips.empty(); })) return;
  for (const auto& domain : registry.all()) {
    const auto live = domain->name() == own_name ? nullptr : domain->snapshot().live;
    if (!live) continue;
    for (const Interface& interface : interfaces)
      for (const Interface& other : live->interfaces) require_different(interface, other, live->name);
  }
}

}  // namespace driver
