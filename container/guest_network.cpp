#include "container/guest_network.hpp"

#include <sched.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cerrno>
#include <future>

#include "base/error.hpp"
#include "netlink/link_list.hpp"

namespace container {
namespace {

GuestAddress guest_address(const netlink::LinkAddress& address) {
  return {address.family == AF_INET6, address.text, address.prefix};
}

}  // namespace

std::vector<GuestLink> read_guest_links(int network_namespace) {
  netlink::Socket inside = netlink::Socket::in(network_namespace);
  std::vector<GuestLink> links;
  for (const auto& listed : netlink::list_links(inside)) {
    GuestLink link{listed.name, listed.mac, {}};
    for (const auto& address : listed.addresses) link.addresses.push_back(guest_address(address));
    links.push_back(std::move(link));
  }
  return links;
}

/// By a thread that goes there and ends.
std::string read_hostname(int uts_namespace) {
  return std::async(std::launch::async,
                    [&] {
                      utsname names{};
                      if (::setns(uts_namespace, CLONE_NEWUTS) != 0 || ::uname(&names) != 0)
                        base::fail_errno(base::Code::SystemError, "cannot ask for the container's hostname");
                      return std::string(names.nodename);
                    })
      .get();
}

std::vector<Neighbor> read_neighbors() {
  netlink::Socket socket;
  std::vector<Neighbor> neighbors;
  for (const auto& neighbor : netlink::list_neighbors(socket))
    neighbors.push_back({neighbor.mac, guest_address(neighbor.address)});
  return neighbors;
}

}  // namespace container
