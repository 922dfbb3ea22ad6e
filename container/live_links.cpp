#include "container/live_links.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/plan_container.hpp"
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
  struct stat theirs {
  }, ours{};
  if (::fstat(netns, &theirs) != 0 || ::stat("/proc/thread-self/ns/net", &ours) != 0)
    base::fail_errno(Code::SystemError, "cannot look at the container's network namespace");
  if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
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

/// A port that leaves its bridge forgets what it was there.
void apply_differences(Ends& ends, const Interface& before, const Interface& after) {
  const LinkPlan was = plan_link(before, before.guest_dev_actual), is = plan_link(after, after.guest_dev_actual);
  const bool moves = bridge_of(was) != bridge_of(is);
  if (moves) netlink::set_link_master(ends.host, ends.host_name, bridge_of(is));
  if (was.isolated != is.isolated || (moves && is.isolated))
    netlink::set_port_isolated(ends.host, ends.host_name, is.isolated);
  if (before.mtu != after.mtu) apply_mtu(ends, after);
  if (was.bandwidth != is.bandwidth) apply_bandwidth(ends, is.bandwidth);
  if (before.link_up.value_or(true) != after.link_up.value_or(true)) apply_state(ends, after);
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

void change_link(const Interface& before, const Interface& after, int netns) {
  Ends ends = find_ends(before, netns);
  if (ends.host_name.empty() && ends.guest_name.empty())
    base::fail(Code::OperationFailed, "interface '", before.guest_dev_actual, "' cannot be found inside the container");
  try {
    apply_differences(ends, before, after);
  } catch (...) {
    try {
      apply_differences(ends, after, before);
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

void remove_link_inside(const Interface& live, int netns) {
  netlink::Socket inside = netlink::Socket::in(netns);
  if (const auto link = find_inside(inside, live)) netlink::delete_link(inside, link->index);
}

}  // namespace container
