#include "container/live_links.hpp"

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/plan_container.hpp"
#include "container/shared_namespaces.hpp"
#include "netlink/address.hpp"
#include "netlink/bandwidth.hpp"
#include "netlink/link.hpp"
#include "netlink/link_list.hpp"
#include "netlink/port.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::Interface;

constexpr unsigned kUsualMtu = 1500;  // what Ethernet links are born with

void require_own_network(int netns) {
  if (is_own_namespace(netns, "net"))
    base::fail(Code::OperationInvalid, "the container has no network of its own that an interface could be added to");
}

std::string free_name(netlink::Socket& inside) {
  const auto names = netlink::link_names(inside);
  for (unsigned number = 0;; ++number)
    if (std::string name = "eth" + std::to_string(number); std::find(names.begin(), names.end(), name) == names.end())
      return name;
}

/// What an interface that has run before was called inside, it is called again.
LinkPlan plan_for(const Interface& interface, netlink::Socket& inside) {
  const bool named = !interface.guest_dev.empty() || !interface.guest_dev_actual.empty();
  return plan_link(interface, named ? interface.guest_dev_actual : free_name(inside));
}

/// The container may have renamed it, or given it another address.
std::optional<netlink::ListedLink> find_inside(netlink::Socket& inside, const Interface& live) {
  const auto links = netlink::list_links(inside);
  const auto find = [&](auto fits) { return std::find_if(links.begin(), links.end(), fits); };
  const auto mac = find([&](const auto& link) { return link.mac == live.mac.bytes; });
  if (mac != links.end()) return *mac;
  const auto name = find([&](const auto& link) { return link.name == live.guest_dev_actual; });
  return name == links.end() ? std::nullopt : std::optional(*name);
}

/// Both ends of a link, either of which may be missing.
struct Ends {
  netlink::Socket host, inside;
  std::string host_name, guest_name;
};

Ends find_ends(const Interface& live, int netns) {
  Ends ends{{}, netlink::Socket::in(netns), live.target_dev, {}};
  if (live.target_dev.empty()) {
    if (const auto link = find_inside(ends.inside, live)) ends.guest_name = link->name;
  } else if (const auto link = netlink::look_at_link(ends.host, live.target_dev)) {
    ends.guest_name = netlink::link_name(ends.inside, link->other_end);  // empty when it was moved on from there
  }
  return ends;
}

void apply_mtu(Ends& ends, const Interface& after) {
  const unsigned mtu = after.mtu.value_or(kUsualMtu);
  if (!ends.host_name.empty()) netlink::set_link_mtu(ends.host, ends.host_name, mtu);
  if (!ends.guest_name.empty()) netlink::set_link_mtu(ends.inside, ends.guest_name, mtu);
}

/// A link without host end loses its carrier by being down itself.
void apply_state(Ends& ends, const Interface& after) {
  const bool up = after.link_up.value_or(true);
  if (ends.host_name.empty())
    netlink::set_link_up(ends.inside, ends.guest_name, up);
  else
    netlink::set_link_up(ends.host, ends.host_name, up);
}

void apply_bandwidth(Ends& ends, const netlink::Bandwidth& bandwidth) {
  if (ends.host_name.empty())
    netlink::set_bandwidth_inside(ends.inside, ends.guest_name, bandwidth);
  else
    netlink::set_bandwidth(ends.host, ends.host_name, bandwidth);
}

const std::string& bridge_of(const LinkPlan& plan) {
  static const std::string none;
  const auto* const veth = std::get_if<netlink::VethPlan>(&plan.kind);
  return veth ? veth->bridge : none;
}

void apply_bridge(Ends& ends, const LinkPlan& was, const LinkPlan& is, const Borrower& borrower) {
  const bool other_port = was.ovs != is.ovs, moves = bridge_of(was) != bridge_of(is);
  if (other_port && was.ovs) remove_ovs_port(ends.host_name);
  if (moves) netlink::set_link_master(ends.host, ends.host_name, bridge_of(is));
  if (other_port && is.ovs) OvsPort::add(*is.ovs, ends.host_name, {ovs_owner(borrower), borrower.uuid}).release();
  if (bridge_of(is).empty()) return;
  // A port that leaves its bridge forgets what it was there.
  if (was.isolated != is.isolated || (moves && is.isolated))
    netlink::set_port_isolated(ends.host, ends.host_name, is.isolated);
  if (moves && !is.vlans.empty())
    netlink::set_port_vlans(ends.host, ends.host_name, bridge_of(is), is.vlans);
  else if (!moves && was.vlans != is.vlans)
    netlink::set_port_vlans(ends.host, ends.host_name, bridge_of(is), is.vlans, was.vlans);
}

/// What the guest has done itself meanwhile stays: an address that is there already, one that is gone.
void add_missing_address(netlink::Socket& inside, const std::string& link, const AddressPlan& address) {
  try {
    netlink::add_address(inside, link, address.address, address.prefix, address.peer);
  } catch (const base::Error& error) {
    if (error.system_errno() != EEXIST) throw;
  }
}

/// All routes are made again: the kernel drops those that go by an address with it.
void apply_addresses(Ends& ends, const LinkPlan& was, const LinkPlan& is) {
  netlink::Socket& inside = ends.inside;
  const auto has = [](const auto& list, const auto& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  for (const auto& route : was.routes)
    netlink::remove_route(inside, route.destination, route.prefix, route.gateway, route.metric);
  for (const auto& address : was.addresses)
    if (!has(is.addresses, address))
      netlink::remove_address(inside, ends.guest_name, address.address, address.prefix, address.peer);
  for (const auto& address : is.addresses)
    if (!has(was.addresses, address)) add_missing_address(inside, ends.guest_name, address);
  if (is.guest_up && !was.guest_up) netlink::set_link_up(inside, ends.guest_name, true);
  for (const auto& route : is.routes)
    netlink::add_route(inside, route.destination, route.prefix, route.gateway, route.metric);
}

void apply_differences(Ends& ends, const Interface& before, const Interface& after, const Borrower& borrower) {
  const LinkPlan was = plan_link(before, before.guest_dev_actual), is = plan_link(after, after.guest_dev_actual);
  apply_bridge(ends, was, is, borrower);
  if (before.mtu != after.mtu) apply_mtu(ends, after);
  if (was.bandwidth != is.bandwidth) apply_bandwidth(ends, is.bandwidth);
  if (before.link_up.value_or(true) != after.link_up.value_or(true)) apply_state(ends, after);
  if (was.addresses != is.addresses || was.routes != is.routes) apply_addresses(ends, was, is);
}

void require_reachable(const Ends& ends, const Interface& before, const Interface& after) {
  const bool inside = before.ips != after.ips || before.routes != after.routes;
  if (ends.guest_name.empty() && (inside || ends.host_name.empty()))
    base::fail(Code::OperationFailed, "interface '", before.guest_dev_actual, "' cannot be found inside the container");
}

}  // namespace

LiveLink attach_link(const Interface& interface, LinkNames& names, int netns, const Borrower& borrower) {
  require_own_network(netns);
  netlink::Socket inside = netlink::Socket::in(netns);
  const std::vector<LinkPlan> plans = {plan_for(interface, inside)};
  require_parents(plans);
  auto made = make_links(plans, names, netns, std::move(inside), borrower);
  Interface live = interface;
  live.target_dev = made.front().host_name();
  live.guest_dev_actual = plans.front().guest_name();
  return {std::move(live), std::move(made.front())};
}

void change_link(const Interface& before, const Interface& after, int netns, const Borrower& borrower) {
  Ends ends = find_ends(before, netns);
  require_reachable(ends, before, after);
  require_parents({plan_link(after, after.guest_dev_actual)});
  try {
    apply_differences(ends, before, after, borrower);
  } catch (...) {
    try {
      apply_differences(ends, after, before, borrower);
    } catch (const base::Error& error) {
      base::log::warning("interface '{}' stays half changed: {}", before.guest_dev_actual, error.message());
    }
    throw;
  }
}

std::optional<Traffic> read_traffic_inside(const Interface& live, int netns) {
  netlink::Socket inside = netlink::Socket::in(netns);
  const auto link = find_inside(inside, live);
  const auto counted = link ? netlink::count_link(inside, link->index) : std::nullopt;
  if (!counted) return std::nullopt;
  return Traffic{counted->rx_bytes, counted->rx_packets, counted->rx_errors, counted->rx_dropped,
                 counted->tx_bytes, counted->tx_packets, counted->tx_errors, counted->tx_dropped};
}

void remove_link_inside(const Interface& live, int netns, const Borrower& borrower) {
  const LinkPlan plan = plan_link(live, live.guest_dev_actual);
  if (const auto* lent = std::get_if<LentPlan>(&plan.kind)) return return_lent_device(borrower, lent->pci_device);
  Ends ends{{}, netlink::Socket::in(netns), {}, {}};
  const auto link = find_inside(ends.inside, live);
  if (!link) return;
  if (plan.ovs) remove_ovs_port(netlink::link_name(ends.host, link->other_end));
  netlink::delete_link(ends.inside, link->index);
}

}  // namespace container
