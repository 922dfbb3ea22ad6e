#include "netlink/link.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "netlink/message.hpp"

namespace netlink {
namespace {

using base::Code;

nlattr* attribute(nlmsghdr* answer, int type) {
  return nlmsg_find_attr(answer, sizeof(ifinfomsg), type);
}

}  // namespace

/// By ioctl, which takes no lock: RTM_GETLINK first settles a pending carrier change under the RTNL lock, and that
/// waits for RCU (0.5 ms measured).
std::optional<int> find_link(Socket& socket, const std::string& name) {
  if (!valid_link_name(name)) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(nl_socket_get_fd(socket.get()), SIOCGIFINDEX, &request) == 0) return request.ifr_ifindex;
  if (errno != ENODEV) base::fail_errno(Code::SystemError, "cannot look up network device '", name, "'");
  return std::nullopt;
}

void set_link_up(Socket& socket, const std::string& name, bool up) {
  const Message message = set_link_up_message(name, up);
  socket.request(message.get(), base::join("cannot set network device '", name, "' ", up ? "up" : "down"));
}

void rename_link(Socket& socket, const std::string& name, const std::string& new_name) {
  const std::string what = base::join("cannot rename network device '", name, "' to '", new_name, "'");
  const auto index = find_link(socket, name);
  if (!index) base::fail_errno_value(ENODEV, Code::SystemError, what);
  const Message message = rename_link_message(*index, new_name);
  socket.request(message.get(), what);
}

void delete_link(Socket& socket, const std::string& name) {
  const Message message = delete_link_message(name);
  const Outcome outcome = socket.exchange(message.get());
  if (outcome.error != 0 && outcome.error != ENODEV)
    base::fail_errno_value(outcome.error, Code::SystemError, "cannot delete network device '", name, "'");
}

void delete_link(Socket& socket, int index) {
  const Message message = delete_link_message(index);
  const Outcome outcome = socket.exchange(message.get());
  if (outcome.error != 0 && outcome.error != ENODEV)
    base::fail_errno_value(outcome.error, Code::SystemError, "cannot delete network device ", index);
}

void set_link_mac(Socket& socket, const std::string& name, const Mac& mac) {
  const Message message = set_link_mac_message(name, mac);
  socket.request(message.get(), base::join("cannot set the MAC address of network device '", name, "'"));
}

void set_link_mtu(Socket& socket, const std::string& name, unsigned mtu) {
  const Message message = set_link_mtu_message(name, mtu);
  socket.request(message.get(), base::join("cannot set the MTU of network device '", name, "' to ", mtu));
}

void set_link_master(Socket& socket, const std::string& name, const std::string& bridge) {
  const auto master = bridge.empty() ? std::optional(0) : find_link(socket, bridge);
  if (!master) base::fail_errno_value(ENODEV, Code::SystemError, "cannot find bridge '", bridge, "'");
  const Message message = set_link_master_message(name, *master);
  socket.request(message.get(), base::join("cannot make network device '", name, "' a port of bridge '", bridge, "'"));
}

void move_link(Socket& socket, int index, int netns, const std::string& name) {
  const Message message = move_link_message(index, netns, name);
  socket.request(message.get(), base::join("cannot move network device '", name, "' to another network namespace"));
}

std::optional<Mac> link_mac(Socket& socket, const std::string& name) {
  if (!valid_link_name(name)) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(nl_socket_get_fd(socket.get()), SIOCGIFHWADDR, &request) != 0) {
    if (errno == ENODEV) return std::nullopt;
    base::fail_errno(Code::SystemError, "cannot ask for the MAC address of network device '", name, "'");
  }
  Mac mac;
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return mac;
}

std::optional<unsigned> link_mtu(Socket& socket, const std::string& name) {
  if (!valid_link_name(name)) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(nl_socket_get_fd(socket.get()), SIOCGIFMTU, &request) == 0) return static_cast<unsigned>(request.ifr_mtu);
  if (errno != ENODEV) base::fail_errno(Code::SystemError, "cannot ask for the MTU of network device '", name, "'");
  return std::nullopt;
}

std::string link_name(Socket& socket, int index) {
  ifreq request{};
  request.ifr_ifindex = index;
  if (::ioctl(nl_socket_get_fd(socket.get()), SIOCGIFNAME, &request) == 0) return request.ifr_name;
  if (errno != ENODEV) base::fail_errno(Code::SystemError, "cannot look up network device ", index);
  return {};
}

std::vector<std::string> link_names(Socket& socket) {
  std::vector<std::string> names;
  const Message message = list_links_message();
  const Outcome outcome = socket.exchange(message.get(), [&](nlmsghdr* answer) {
    nlattr* name = answer->nlmsg_type == RTM_NEWLINK ? attribute(answer, IFLA_IFNAME) : nullptr;
    if (name) names.emplace_back(nla_get_string(name));
  });
  if (outcome.error != 0) base::fail_errno_value(outcome.error, Code::SystemError, "cannot list network devices");
  return names;
}

}  // namespace netlink
