#include "container/container_links.hpp"

#include <net/if.h>

#include <cerrno>

#include "base/error.hpp"
#include "netlink/address.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

constexpr int kMaxAttempts = 1000;

bool name_is_taken(const base::Error& error, netlink::Socket& host, const std::string& name) {
  return error.system_errno() == EEXIST && netlink::find_link(host, name);
}

/// A name that is wanted may still belong to a container that just ended; a generated one is simply skipped if taken.
netlink::Veth make_veth(netlink::Socket& host, netlink::VethPlan plan, LinkNames& names, int netns) {
  const bool generated = plan.host_name.empty();
  for (int attempt = 0;; ++attempt) {
    if (generated) plan.host_name = names.next(host);
    try {
      return netlink::Veth::create(host, plan, netns);
    } catch (const base::Error& error) {
      if (error.system_errno() != EEXIST || attempt == kMaxAttempts) throw;
      if (generated ? !name_is_taken(error, host, plan.host_name) : !names.finish_retiring(host, plan.host_name)) throw;
    }
  }
}

void configure(netlink::Socket& inside, const LinkPlan& plan) {
  const std::string& name = plan.veth.guest_name;
  for (const auto& address : plan.addresses)
    netlink::add_address(inside, name, address.address, address.prefix, address.peer);
  if (plan.guest_up) netlink::set_link_up(inside, name, true);
  for (const auto& route : plan.routes)
    netlink::add_route(inside, route.destination, route.prefix, route.gateway, route.metric);
}

}  // namespace

void require_bridges(const std::vector<LinkPlan>& plans) {
  for (const auto& plan : plans)
    if (!plan.veth.bridge.empty() && ::if_nametoindex(plan.veth.bridge.c_str()) == 0)
      base::fail_errno(base::Code::SystemError, "cannot find bridge '", plan.veth.bridge, "'");
}

std::vector<netlink::Veth> make_links(const std::vector<LinkPlan>& plans, LinkNames& names, int netns,
                                      base::Fd inside) {
  std::vector<netlink::Veth> links;
  if (plans.empty()) return links;
  netlink::Socket host, guest(std::move(inside));
  for (const auto& plan : plans) {
    links.push_back(make_veth(host, plan.veth, names, netns));
    configure(guest, plan);
  }
  return links;
}

}  // namespace container
