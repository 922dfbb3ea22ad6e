#include "netlink/port.hpp"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "netlink/builder.hpp"
#include "netlink/link.hpp"

namespace netlink {
namespace {

using base::Code;

int index_of(Socket& socket, const std::string& port, const std::string& what) {
  const auto index = find_link(socket, port);
  if (!index) base::fail_errno_value(ENODEV, Code::SystemError, what);
  return *index;
}

Builder port_request(int type, int port_index) {
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = port_index;
  Builder builder(type, 0);
  builder.header(header);
  return builder;
}

void add_vlan(Builder& builder, unsigned id, unsigned flags) {
  const bridge_vlan_info info{static_cast<__u16>(flags), static_cast<__u16>(id)};
  builder.bytes(IFLA_BRIDGE_VLAN_INFO, &info, sizeof info);
}

/// 0: the bridge has no such number.
unsigned bridge_number(const std::string& bridge, const char* file) {
  unsigned value = 0;
  try {
    const std::string text = base::read_file("/sys/class/net/" + bridge + "/bridge/" + file);
    std::from_chars(text.data(), text.data() + text.size(), value);
  } catch (const base::Error&) {  // a kernel without VLANs has no such file
  }
  return value;
}

}  // namespace

Message isolate_port_message(int port_index, bool isolated) {
  Builder builder = port_request(RTM_SETLINK, port_index);
  const std::uint8_t value = isolated ? 1 : 0;
  nlattr* info = builder.open(IFLA_PROTINFO | NLA_F_NESTED);
  builder.bytes(IFLA_BRPORT_ISOLATED, &value, sizeof value);
  builder.close(info);
  return builder.take();
}

Message add_port_vlans_message(int port_index, const std::vector<PortVlan>& vlans) {
  Builder builder = port_request(RTM_SETLINK, port_index);
  nlattr* info = builder.open(IFLA_AF_SPEC);
  for (const auto& vlan : vlans)
    add_vlan(builder, vlan.id,
             (vlan.native ? BRIDGE_VLAN_INFO_PVID : 0U) | (vlan.untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0U));
  builder.close(info);
  return builder.take();
}

Message remove_port_vlan_message(int port_index, unsigned id) {
  Builder builder = port_request(RTM_DELLINK, port_index);
  nlattr* info = builder.open(IFLA_AF_SPEC);
  add_vlan(builder, id, 0);
  builder.close(info);
  return builder.take();
}

void set_port_isolated(Socket& socket, const std::string& port, bool isolated) {
  const std::string what = base::join("cannot isolate bridge port '", port, "'");
  const Message message = isolate_port_message(index_of(socket, port, what), isolated);
  socket.request(message.get(), what);
}

void set_port_vlans(Socket& socket, const std::string& port, const std::string& bridge,
                    const std::vector<PortVlan>& vlans, const std::vector<PortVlan>& before) {
  const std::string what = base::join("cannot set the VLANs of bridge port '", port, "'");
  const int index = index_of(socket, port, what);
  std::vector<PortVlan> born_with;
  if (const unsigned own = bridge_number(bridge, "default_pvid")) born_with = {{own, true, true}};
  for (const auto& vlan : before.empty() ? born_with : before)
    socket.request(remove_port_vlan_message(index, vlan.id).get(), what);
  const auto& wanted = vlans.empty() ? born_with : vlans;
  if (!wanted.empty()) socket.request(add_port_vlans_message(index, wanted).get(), what);
}

bool filters_vlans(const std::string& bridge) {
  return bridge_number(bridge, "vlan_filtering") != 0;
}

}  // namespace netlink
