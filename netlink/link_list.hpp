// What links there are in a network namespace, with their addresses; and the neighbours a namespace has heard of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netlink/link_counters.hpp"
#include "netlink/socket.hpp"
#include "netlink/veth.hpp"

namespace netlink {

struct LinkAddress {
  int family = 0;    // AF_INET, AF_INET6
  std::string text;  // "192.0.2.7"
  unsigned prefix = 0;
  bool operator==(const LinkAddress&) const = default;
};

struct ListedLink {
  int index = 0;
  std::string name;
  std::optional<Mac> mac;  // of Ethernet's kind
  int other_end = 0;       // of a veth: the index of its peer, in that one's namespace
  std::vector<LinkAddress> addresses;
  bool operator==(const ListedLink&) const = default;
};

/// In the order of their indices. Throws SystemError.
std::vector<ListedLink> list_links(Socket& socket);
/// The addresses of link number `index`.
std::vector<LinkAddress> list_addresses(Socket& socket, int index);
/// One, without its addresses; nullopt: no such link.
std::optional<ListedLink> look_at_link(Socket& socket, const std::string& name);

/// What link number `index` has counted; nullopt: no such link.
std::optional<LinkCounters> count_link(Socket& socket, int index);

struct Neighbor {
  Mac mac{};
  LinkAddress address;  // prefix: that of a single address
  bool operator==(const Neighbor&) const = default;
};
/// ARP's and neighbour discovery's entries that have an answer.
std::vector<Neighbor> list_neighbors(Socket& socket);

}  // namespace netlink
