#include "netlink/message.hpp"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "netlink/builder.hpp"

namespace netlink {
namespace {

using base::Code;

/// One each way, said outright: without these attributes veth allocates a queue for every possible CPU, then shrinks to
/// one and waits for RCU over it.
void add_queues(Builder& builder) {
  builder.number(IFLA_NUM_TX_QUEUES, 1).number(IFLA_NUM_RX_QUEUES, 1);
}

void add_veth_peer(Builder& builder, const VethPlan& plan, int netns) {
  nlattr* info = builder.open(IFLA_LINKINFO);
  builder.text(IFLA_INFO_KIND, "veth");
  nlattr* data = builder.open(IFLA_INFO_DATA);
  nlattr* peer = builder.open(VETH_INFO_PEER);
  // The peer cannot be born up: until both ends exist the driver answers ENOTCONN (veth_open).
  builder.header(link_header()).text(IFLA_IFNAME, plan.guest_name);
  builder.bytes(IFLA_ADDRESS, plan.guest_mac.data(), plan.guest_mac.size());
  if (plan.mtu) builder.number(IFLA_MTU, *plan.mtu);
  add_queues(builder);
  builder.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  builder.close(peer);
  builder.close(data);
  builder.close(info);
}

struct IpAddress {
  int family = AF_UNSPEC;
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size() const { return family == AF_INET ? 4 : 16; }
  unsigned bits() const { return static_cast<unsigned>(size()) * 8; }
};

IpAddress parse_address(const std::string& text) {
  IpAddress address;
  for (const int family : {AF_INET, AF_INET6}) {
    address.family = family;
    if (::inet_pton(family, text.c_str(), address.bytes.data()) == 1) return address;
  }
  base::fail(Code::InvalidArg, "invalid IP address '", text, "'");
}

void require_prefix(const IpAddress& address, unsigned prefix, const std::string& text) {
  if (prefix > address.bits()) base::fail(Code::InvalidArg, "invalid prefix ", prefix, " for IP address '", text, "'");
}

void require_same_family(const IpAddress& one, const IpAddress& other, const std::string& text) {
  if (one.family != other.family) base::fail(Code::InvalidArg, "IP address '", text, "' is of another family");
}

IpAddress broadcast_of(IpAddress address, unsigned prefix) {
  for (unsigned bit = prefix; bit < address.bits(); ++bit)
    address.bytes[bit / 8] = static_cast<std::uint8_t>(address.bytes[bit / 8] | (0x80U >> (bit % 8)));
  return address;
}

}  // namespace

void FreeMessage::operator()(nl_msg* message) const noexcept {
  nlmsg_free(message);
}

void require_link_name(const std::string& name) {
  if (!valid_link_name(name)) base::fail(Code::InvalidArg, "invalid network device name '", name, "'");
}

bool valid_link_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
  return name.find_first_of(std::string("/: \t\n\v\f\r\0", 9)) == name.npos;
}

Mac host_mac(const VethPlan& plan) {
  if (plan.host_mac) return *plan.host_mac;
  Mac mac = plan.guest_mac;
  mac[0] = mac[0] == 0xFE ? 0xFA : 0xFE;
  return mac;
}

Message veth_message(const VethPlan& plan, int bridge_index, int netns) {
  require_link_name(plan.guest_name);
  Builder builder = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, plan.host_name,
                                 link_header(plan.host_up ? Flag::Up : Flag::Keep));
  const Mac mac = host_mac(plan);
  builder.bytes(IFLA_ADDRESS, mac.data(), mac.size());
  if (plan.mtu) builder.number(IFLA_MTU, *plan.mtu);
  add_queues(builder);
  if (bridge_index) builder.number(IFLA_MASTER, static_cast<std::uint32_t>(bridge_index));
  add_veth_peer(builder, plan, netns);
  return builder.take();
}

Message bridge_message(const std::string& name) {
  Builder builder = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name, link_header(Flag::Up));
  nlattr* info = builder.open(IFLA_LINKINFO);
  builder.text(IFLA_INFO_KIND, "bridge");
  builder.close(info);
  return builder.take();
}

Message get_link_message(const std::string& name) {
  return link_request(RTM_GETLINK, 0, name).take();
}

Message list_links_message() {
  Builder builder(RTM_GETLINK, NLM_F_DUMP);
  builder.header(link_header()).number(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return builder.take();
}

Message delete_link_message(const std::string& name) {
  return link_request(RTM_DELLINK, 0, name).take();
}

Message delete_link_message(int index) {
  Builder builder(RTM_DELLINK, 0);
  return builder.header(link_header(Flag::Keep, index)).take();
}

Message set_link_up_message(const std::string& name, bool up) {
  return link_request(RTM_SETLINK, 0, name, link_header(up ? Flag::Up : Flag::Down)).take();
}

Message rename_link_message(int index, const std::string& name) {
  return link_request(RTM_SETLINK, 0, name, link_header(Flag::Keep, index)).take();
}

Message set_link_mac_message(const std::string& name, const Mac& mac) {
  return link_request(RTM_SETLINK, 0, name).bytes(IFLA_ADDRESS, mac.data(), mac.size()).take();
}

Message set_link_mtu_message(const std::string& name, unsigned mtu) {
  return link_request(RTM_SETLINK, 0, name).number(IFLA_MTU, mtu).take();
}

Message set_link_master_message(const std::string& name, int master_index) {
  return link_request(RTM_SETLINK, 0, name).number(IFLA_MASTER, static_cast<std::uint32_t>(master_index)).take();
}

Message move_link_message(int index, int netns, const std::string& name) {
  Builder builder = link_request(RTM_SETLINK, 0, name, link_header(Flag::Down, index));
  return builder.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns)).take();
}

namespace {

Builder address_builder(int type, int flags, int link_index, const std::string& address, unsigned prefix,
                        const std::string& peer) {
  const IpAddress local = parse_address(address);
  const IpAddress other = peer.empty() ? local : parse_address(peer);
  require_same_family(local, other, peer);
  require_prefix(local, prefix, address);
  ifaddrmsg header{};
  header.ifa_family = static_cast<unsigned char>(local.family);
  header.ifa_prefixlen = static_cast<unsigned char>(prefix);
  header.ifa_flags = local.family == AF_INET6 ? IFA_F_NODAD : 0;
  header.ifa_scope = RT_SCOPE_UNIVERSE;
  header.ifa_index = static_cast<unsigned>(link_index);
  Builder builder(type, flags);
  builder.header(header).bytes(IFA_LOCAL, local.bytes.data(), local.size());
  builder.bytes(IFA_ADDRESS, other.bytes.data(), other.size());
  if (local.family == AF_INET && peer.empty() && prefix < 31)  // RFC 3021: a /31 has none
    builder.bytes(IFA_BROADCAST, broadcast_of(local, prefix).bytes.data(), local.size());
  return builder;
}

Builder route_builder(int type, int flags, const std::string& destination, unsigned prefix, const std::string& gateway,
                      unsigned metric) {
  const IpAddress to = parse_address(destination), via = parse_address(gateway);
  require_same_family(to, via, gateway);
  require_prefix(to, prefix, destination);
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(to.family);
  header.rtm_dst_len = static_cast<unsigned char>(prefix);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  Builder builder(type, flags);
  builder.header(header);
  if (prefix > 0) builder.bytes(RTA_DST, to.bytes.data(), to.size());
  builder.bytes(RTA_GATEWAY, via.bytes.data(), via.size());
  if (metric > 0) builder.number(RTA_PRIORITY, metric);
  return builder;
}

}  // namespace

Message address_message(int link_index, const std::string& address, unsigned prefix, const std::string& peer) {
  return address_builder(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link_index, address, prefix, peer).take();
}

Message remove_address_message(int link_index, const std::string& address, unsigned prefix, const std::string& peer) {
  return address_builder(RTM_DELADDR, 0, link_index, address, prefix, peer).take();
}

Message route_message(const std::string& destination, unsigned prefix, const std::string& gateway, unsigned metric) {
  return route_builder(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, destination, prefix, gateway, metric).take();
}

Message remove_route_message(const std::string& destination, unsigned prefix, const std::string& gateway,
                             unsigned metric) {
  return route_builder(RTM_DELROUTE, 0, destination, prefix, gateway, metric).take();
}

}  // namespace netlink
