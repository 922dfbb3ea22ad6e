// The host's network, and what sockets reach without one.
#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

constexpr int kVsock = 40;  // AF_VSOCK

Outcome connect_abstract(const Facts& facts) {
  const File fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = facts["abstract"];
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return judge(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size));
}

Outcome connect_loopback(const Facts& facts) {
  const File fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(facts["port"])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return judge(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

Outcome find_host_link(const Facts& facts) {
  const std::string name = facts["link"];
  if (name.empty()) return not_there("the host has none");
  if (access(("/sys/class/net/" + name).c_str(), F_OK) == 0) return let_through("in /sys");
  return if_nametoindex(name.c_str()) != 0 ? let_through("by number") : refused("not in sight");
}

/// Not of any network namespace: the machine's hypervisor answers, or the host's services for its own guests.
Outcome open_vsock(const Facts&) {
  const File fd(socket(kVsock, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return !fd && errno == EAFNOSUPPORT ? not_there("no such family") : judge(fd.get());
}

/// Empty status: asks whether audit may be configured and changes nothing.
Outcome configure_audit(const Facts&) {
  const File fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT));
  if (!fd) return errno == EPROTONOSUPPORT ? not_there("no audit") : refused_errno();
  struct {
    nlmsghdr header{};
    audit_status status{};
  } request;
  request.header = {sizeof request, AUDIT_SET, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
  if (send(fd.get(), &request, sizeof request, 0) < 0) return refused_errno();
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char more[256];
  } answer{};
  if (recv(fd.get(), &answer, sizeof answer, MSG_DONTWAIT) < 0) return refused_errno();
  return answer.error.error == 0 ? let_through("accepted") : refused_errno(-answer.error.error);
}

Outcome write_host_sysctl_of_network(const Facts&) {
  const Outcome outcome = write_back("/proc/sys/net/core/bpf_jit_enable");
  return outcome;
}

}  // namespace

Attempts network_attempts() {
  return {
      {"S9_abstract_socket", connect_abstract}, {"S9_loopback", connect_loopback},
      {"S9_host_link", find_host_link},         {"vsock", open_vsock},
      {"audit_configure", configure_audit},     {"sysctl_bpf_jit", write_host_sysctl_of_network},
  };
}

}  // namespace attack
