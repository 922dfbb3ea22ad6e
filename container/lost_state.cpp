#include "container/lost_state.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sstream>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/pid_fd.hpp"
#include "container/channel.hpp"
#include "netlink/link_list.hpp"

namespace container {
namespace {

using base::Code;

/// Who has sent the packet that comes next. The listening socket was an earlier daemon's, so SO_PEERCRED says nothing.
pid_t sender_of_next(int socket, Deadline deadline) {
  pollfd ready{socket, POLLIN, 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  if (::poll(&ready, 1, static_cast<int>(std::max<long>(left, 0))) <= 0) return 0;
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];  // no room for descriptors, which come with the packet
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT) < 1) return 0;
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) return 0;
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
  return sender.pid;
}

void tell_senders(int socket, bool tell) {
  const int value = tell ? 1 : 0;
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &value, sizeof value) < 0)
    base::fail_errno(Code::SystemError, "cannot ask who sends");
}

const netlink::ListedLink* find_by_mac(const std::vector<netlink::ListedLink>& links,
                                       const domain_xml::Interface& interface) {
  const auto found = std::ranges::find_if(
      links, [&](const auto& link) { return link.mac && std::ranges::equal(*link.mac, interface.mac.bytes); });
  return found == links.end() ? nullptr : &*found;
}

/// "" for what has none, as a macvlan, whose other end is the link that it is on.
std::string end_on_host(const std::vector<netlink::ListedLink>& host, const netlink::ListedLink& inside) {
  for (const auto& link : host)
    if (inside.other_end != 0 && link.index == inside.other_end && link.other_end == inside.index) return link.name;
  return "";
}

/// By their addresses. What has gone meanwhile is no part of the container any more.
void find_links(LostState& found) {
  const base::Fd network = base::open_file("/proc/" + std::to_string(found.facts.init_pid) + "/ns/net", O_RDONLY);
  netlink::Socket inside_socket = netlink::Socket::in(network.get()), host_socket;
  const auto inside = netlink::list_links(inside_socket), host = netlink::list_links(host_socket);
  std::erase_if(found.live.interfaces, [&](auto& interface) { return !find_by_mac(inside, interface); });
  for (auto& interface : found.live.interfaces) {
    const auto& link = *find_by_mac(inside, interface);
    interface.guest_dev_actual = link.name;
    const std::string end = end_on_host(host, link);
    if (!end.empty()) interface.target_dev = end;
    found.facts.host_links.push_back(end);
  }
}

}  // namespace

std::pair<std::string, std::string> parse_supervisor_cgroup(const std::string& text) {
  std::string longest;  // a hierarchy that containers do not use has its processes further up
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string path = line.substr(second + 1);
    constexpr std::string_view kOwnLeaf = "/supervisor";
    if (path.ends_with(kOwnLeaf)) path.resize(path.size() - kOwnLeaf.size());
    if (path.size() > longest.size()) longest = path;
  }
  const auto slash = longest.rfind('/');
  if (slash == std::string::npos || slash + 1 == longest.size())
    base::fail(Code::InternalError, "its supervisor is in no cgroup of its own");
  return {longest.substr(0, slash), longest.substr(slash + 1)};
}

std::optional<LostState> find_lost_state(const std::string& directory, const std::string& name,
                                         domain_xml::DomainDefinition definition, Deadline deadline) {
  ControlSocket control(connect_to(directory, name));
  if (!control) return std::nullopt;
  tell_senders(control.fd(), true);
  if (!control.send(protocol::Type::Query)) return std::nullopt;
  const pid_t supervisor = sender_of_next(control.fd(), deadline);
  tell_senders(control.fd(), false);
  const auto answer = control.receive(deadline);
  if (supervisor <= 0 || answer.kind != ControlMessage::Kind::Packet)
    base::fail_errno_value(ETIMEDOUT, Code::SystemError, "its supervisor does not answer");
  if (from_newer_build(answer.status.header))
    base::fail(Code::OperationUnsupported, "its supervisor is of a newer lxcell");
  LostState found{.live = std::move(definition)};
  found.facts.supervisor_pid = supervisor;
  found.facts.supervisor_start_time = base::process_start_time(supervisor);
  found.facts.init_pid = answer.status.init_pid;
  std::tie(found.facts.cgroup_partition, found.facts.cgroup_leaf) =
      parse_supervisor_cgroup(base::read_file("/proc/" + std::to_string(supervisor) + "/cgroup"));
  if (!answer.status.exited) find_links(found);
  return found;
}

}  // namespace container
