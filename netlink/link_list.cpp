#include "netlink/link_list.hpp"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "netlink/builder.hpp"
#include "netlink/message.hpp"

namespace netlink {
namespace {

using base::Code;

template <typename Header>
const Header& header_of(nlmsghdr* answer) {
  return *static_cast<const Header*>(nlmsg_data(answer));
}

template <typename Header>
nlattr* attribute(nlmsghdr* answer, int type) {
  return nlmsg_find_attr(answer, sizeof(Header), type);
}

std::optional<Mac> mac_in(nlattr* attribute) {
  Mac mac;
  if (!attribute || nla_len(attribute) != static_cast<int>(mac.size())) return std::nullopt;
  nla_memcpy(mac.data(), attribute, static_cast<int>(mac.size()));
  return mac;
}

/// nullopt for what is no IP address.
std::optional<LinkAddress> address_in(nlattr* attribute, int family, unsigned prefix) {
  const int size = family == AF_INET ? 4 : family == AF_INET6 ? 16 : -1;
  char text[INET6_ADDRSTRLEN] = "";
  if (!attribute || nla_len(attribute) != size || !::inet_ntop(family, nla_data(attribute), text, sizeof text))
    return std::nullopt;
  return LinkAddress{family, text, prefix};
}

ListedLink link_in(nlmsghdr* answer) {
  const auto& header = header_of<ifinfomsg>(answer);
  ListedLink link{.index = header.ifi_index};
  if (nlattr* name = attribute<ifinfomsg>(answer, IFLA_IFNAME)) link.name = nla_get_string(name);
  if (header.ifi_type == ARPHRD_ETHER) link.mac = mac_in(attribute<ifinfomsg>(answer, IFLA_ADDRESS));
  if (nlattr* other = attribute<ifinfomsg>(answer, IFLA_LINK)) link.other_end = static_cast<int>(nla_get_u32(other));
  return link;
}

template <typename Take>
void dump(Socket& socket, const Message& message, int type, const char* what, Take take) {
  const Outcome outcome = socket.exchange(message.get(), [&](nlmsghdr* answer) {
    if (answer->nlmsg_type == type) take(answer);
  });
  if (outcome.error != 0) base::fail_errno_value(outcome.error, Code::SystemError, "cannot list ", what);
}

/// The address itself is IFA_LOCAL where there is a peer, which IFA_ADDRESS is then.
template <typename Take>
void dump_addresses(Socket& socket, Take take) {
  const Message message = Builder(RTM_GETADDR, NLM_F_DUMP).header(ifaddrmsg{}).take();
  dump(socket, message, RTM_NEWADDR, "addresses", [&](nlmsghdr* answer) {
    const auto& header = header_of<ifaddrmsg>(answer);
    nlattr* own = attribute<ifaddrmsg>(answer, IFA_LOCAL);
    if (!own) own = attribute<ifaddrmsg>(answer, IFA_ADDRESS);
    if (const auto address = address_in(own, header.ifa_family, header.ifa_prefixlen))
      take(static_cast<int>(header.ifa_index), *address);
  });
}

}  // namespace

std::vector<ListedLink> list_links(Socket& socket) {
  std::vector<ListedLink> links;
  dump(socket, list_links_message(), RTM_NEWLINK, "network devices",
       [&](nlmsghdr* answer) { links.push_back(link_in(answer)); });
  std::sort(links.begin(), links.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  dump_addresses(socket, [&](int index, const LinkAddress& address) {
    const auto link = std::find_if(links.begin(), links.end(), [&](const auto& one) { return one.index == index; });
    if (link != links.end()) link->addresses.push_back(address);
  });
  return links;
}

std::vector<LinkAddress> list_addresses(Socket& socket, int index) {
  std::vector<LinkAddress> addresses;
  dump_addresses(socket, [&](int of, const LinkAddress& address) {
    if (of == index) addresses.push_back(address);
  });
  return addresses;
}

std::optional<ListedLink> look_at_link(Socket& socket, const std::string& name) {
  if (!valid_link_name(name)) return std::nullopt;
  std::optional<ListedLink> link;
  const Message message = get_link_message(name);
  const Outcome outcome = socket.exchange(message.get(), [&](nlmsghdr* answer) {
    if (answer->nlmsg_type == RTM_NEWLINK) link = link_in(answer);
  });
  if (outcome.error != 0 && outcome.error != ENODEV)
    base::fail_errno_value(outcome.error, Code::SystemError, "cannot look at network device '", name, "'");
  return link;
}

std::optional<LinkCounters> count_link(Socket& socket, int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  std::optional<LinkCounters> counters;
  const Message message = Builder(RTM_GETLINK, 0).header(header).take();
  const Outcome outcome = socket.exchange(message.get(), [&](nlmsghdr* answer) {
    nlattr* given = answer->nlmsg_type == RTM_NEWLINK ? attribute<ifinfomsg>(answer, IFLA_STATS64) : nullptr;
    rtnl_link_stats64 stats{};
    if (!given) return;
    nla_memcpy(&stats, given, sizeof stats);
    counters = {stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped,
                stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped};
  });
  if (outcome.error != 0 && outcome.error != ENODEV)
    base::fail_errno_value(outcome.error, Code::SystemError, "cannot read the counters of a network device");
  return counters;
}

std::vector<Neighbor> list_neighbors(Socket& socket) {
  std::vector<Neighbor> neighbors;
  constexpr int kAnswered = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  dump(socket, Builder(RTM_GETNEIGH, NLM_F_DUMP).header(ndmsg{}).take(), RTM_NEWNEIGH, "neighbours",
       [&](nlmsghdr* answer) {
         const auto& header = header_of<ndmsg>(answer);
         const auto mac = mac_in(attribute<ndmsg>(answer, NDA_LLADDR));
         const unsigned bits = header.ndm_family == AF_INET ? 32 : 128;
         const auto address = address_in(attribute<ndmsg>(answer, NDA_DST), header.ndm_family, bits);
         if (mac && address && (header.ndm_state & kAnswered) != 0) neighbors.push_back({*mac, *address});
       });
  return neighbors;
}

}  // namespace netlink
