#include "container/container_links.hpp"

#include <net/if.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/pci_links.hpp"
#include "netlink/address.hpp"
#include "netlink/link.hpp"
#include "netlink/link_list.hpp"

namespace container {
namespace {

constexpr int kMaxAttempts = 1000, kMaxUnexplained = 3;
constexpr std::chrono::milliseconds kRetiringLimit{1000}, kRetiringPause{2};

/// A name that is wanted may still belong to a container that just ended; a generated one is simply skipped if taken.
netlink::Veth make_veth(netlink::Socket& host, netlink::VethPlan plan, LinkNames& names, int netns) {
  const bool generated = plan.host_name.empty();
  int unexplained = 0;  // free again when looked at: another's that just ended, or it is the name inside that is taken
  for (int attempt = 0;; ++attempt) {
    if (generated) plan.host_name = names.next(host);
    try {
      return netlink::Veth::create(host, plan, netns);
    } catch (const base::Error& error) {
      if (error.system_errno() != EEXIST || attempt == kMaxAttempts) throw;
      if (!generated && !names.finish_retiring(host, plan.host_name)) throw;
      if (generated && !netlink::find_link(host, plan.host_name) && ++unexplained > kMaxUnexplained) throw;
    }
  }
}

void configure_inside(netlink::Socket& inside, const LinkPlan& plan) {
  const std::string& name = plan.guest_name();
  for (const auto& address : plan.addresses)
    netlink::add_address(inside, name, address.address, address.prefix, address.peer);
  if (plan.guest_up) netlink::set_link_up(inside, name, true);
  for (const auto& route : plan.routes)
    netlink::add_route(inside, route.destination, route.prefix, route.gateway, route.metric);
}

/// Requests are made only for what was asked for: each may have to wait for others that change links.
void configure_host_end(netlink::Socket& host, const std::string& name, const LinkPlan& plan,
                        const netlink::VethPlan& veth) {
  if (plan.isolated) netlink::set_port_isolated(host, name, true);
  if (!plan.vlans.empty()) netlink::set_port_vlans(host, name, veth.bridge, plan.vlans);
  for (const auto& address : plan.host_addresses)
    netlink::add_address(host, name, address.address, address.prefix, address.peer);
  for (const auto& route : plan.host_routes)
    netlink::add_route(host, route.destination, route.prefix, route.gateway, route.metric);
  if (plan.bandwidth != netlink::Bandwidth()) netlink::set_bandwidth(host, name, plan.bandwidth);
}

/// Where links are made.
struct Place {
  netlink::Socket host;
  std::shared_ptr<netlink::Socket> inside;
  int netns;
  LinkNames& names;
  const Borrower& borrower;
};

ContainerLink make_link(Place& place, const LinkPlan& plan) {
  if (const auto* veth = std::get_if<netlink::VethPlan>(&plan.kind)) {
    netlink::Veth made = make_veth(place.host, *veth, place.names, place.netns);
    configure_host_end(place.host, made.host_name(), plan, *veth);
    std::optional<OvsPort> port;
    if (plan.ovs) port = OvsPort::add(*plan.ovs, made.host_name(), {ovs_owner(place.borrower), place.borrower.uuid});
    return ContainerLink(std::move(made), std::move(port));
  }
  if (const auto* macvlan = std::get_if<netlink::MacvlanPlan>(&plan.kind)) {
    netlink::Macvlan made = netlink::Macvlan::create(place.host, place.inside, *macvlan, place.netns);
    if (plan.bandwidth != netlink::Bandwidth())
      netlink::set_bandwidth_inside(*place.inside, macvlan->guest_name, plan.bandwidth);
    return ContainerLink(std::move(made));
  }
  const auto& lent = std::get<LentPlan>(plan.kind);
  return ContainerLink(LentLink::lend(place.host, *place.inside, place.netns, place.borrower, lent));
}

/// A container that has just ended keeps its macvlan's address, or a passthrough parent, until the kernel has taken its
/// namespace apart.
bool may_be_retiring(const LinkPlan& plan, const base::Error& error) {
  const int number = error.system_errno();
  return std::holds_alternative<netlink::MacvlanPlan>(plan.kind) &&
         (number == EADDRINUSE || number == EBUSY || number == EINVAL);
}

ContainerLink make_configured(Place& place, const LinkPlan& plan) {
  const auto deadline = std::chrono::steady_clock::now() + kRetiringLimit;
  while (true) {
    try {
      ContainerLink made = make_link(place, plan);
      configure_inside(*place.inside, plan);
      return made;
    } catch (const base::Error& error) {
      if (!may_be_retiring(plan, error) || std::chrono::steady_clock::now() > deadline) throw;
    }
    std::this_thread::sleep_for(kRetiringPause);
  }
}

void require_parent(const std::string& name, const char* what) {
  if (::if_nametoindex(name.c_str()) == 0)
    base::fail_errno(base::Code::SystemError, "cannot find ", what, " '", name, "'");
}

/// Two hosts of one address on a bridge hear each other's answers.
void require_free_addresses(const LinkPlan& plan) {
  const auto* veth = std::get_if<netlink::VethPlan>(&plan.kind);
  const std::string bridge = plan.ovs ? plan.ovs->bridge : veth ? veth->bridge : "";
  const int index = plan.addresses.empty() ? 0 : static_cast<int>(::if_nametoindex(bridge.c_str()));
  if (index == 0) return;
  netlink::Socket host;
  for (const auto& taken : netlink::list_addresses(host, index))
    for (const auto& address : plan.addresses)
      if (address.address == taken.text)
        base::fail(base::Code::OperationFailed, "IP address '", address.address, "' is that of bridge '", bridge,
                   "' itself");
}

}  // namespace

std::string ovs_owner(const Borrower& borrower) {
  return borrower.directory + "/" + borrower.domain;
}

void undo_links(const Borrower& borrower) noexcept {
  return_lent_links(borrower);
  try {
    if (has_ovs()) remove_ovs_ports_of(ovs_owner(borrower));
  } catch (const std::exception& error) {
    base::log::warning("domain '{}': {}", borrower.domain, error.what());
  }
}

std::string ContainerLink::host_name() const {
  const auto* veth = std::get_if<netlink::Veth>(&owner_);
  return veth ? veth->host_name() : "";
}

int ContainerLink::host_index() const {
  const auto* veth = std::get_if<netlink::Veth>(&owner_);
  return veth ? veth->host_index() : 0;
}

void ContainerLink::release() noexcept {
  std::visit([](auto& owner) { owner.release(); }, owner_);
  if (port_) port_->release();
}

void require_parents(const std::vector<LinkPlan>& plans) {
  for (const auto& plan : plans) {
    require_free_addresses(plan);
    const auto* veth = std::get_if<netlink::VethPlan>(&plan.kind);
    if (veth && !veth->bridge.empty()) require_parent(veth->bridge, "bridge");
    if (veth && !plan.vlans.empty() && !netlink::filters_vlans(veth->bridge))
      base::fail(base::Code::ConfigUnsupported, "vlan tags need a bridge with vlan_filtering, which bridge '",
                 veth->bridge, "' has not");
    if (plan.ovs && !has_ovs())
      base::fail(base::Code::ConfigUnsupported, "a virtualport of type 'openvswitch' in bridge '", plan.ovs->bridge,
                 "' needs Open vSwitch, whose database '", kOvsDatabase, "' is not there");
    if (const auto* macvlan = std::get_if<netlink::MacvlanPlan>(&plan.kind))
      require_parent(macvlan->parent, "network device");
    if (const auto* lent = std::get_if<LentPlan>(&plan.kind); lent && lent->link.empty())
      link_of_pci_device(lent->pci_device);
  }
}

std::vector<ContainerLink> make_links(const std::vector<LinkPlan>& plans, LinkNames& names, int netns,
                                      netlink::Socket inside, const Borrower& borrower) {
  std::vector<ContainerLink> links;
  if (plans.empty()) return links;
  Place place{{}, std::make_shared<netlink::Socket>(std::move(inside)), netns, names, borrower};
  for (const auto& plan : plans) {
    links.push_back(make_configured(place, plan));
  }
  return links;
}

}  // namespace container
