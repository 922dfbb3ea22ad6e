#include "netlink/socket.hpp"

#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <exception>
#include <future>

#include "base/error.hpp"

namespace netlink {
namespace {

using base::Code;

nl_sock* allocate() {
  nl_sock* socket = nl_socket_alloc();
  if (!socket) base::fail(Code::NoMemory, "netlink socket");
  return socket;
}

[[noreturn]] void fail_libnl(int error, const char* what) {
  base::fail(Code::SystemError, what, ": ", nl_geterror(error));
}

/// libnl matches answers by the local port, which an unbound socket has not got yet.
void bind_if_unbound(int fd) {
  sockaddr_nl address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0)
    base::fail_errno(Code::SystemError, "cannot adopt a netlink socket");
  if (address.nl_pid != 0) return;
  address = {};
  address.nl_family = AF_NETLINK;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    base::fail_errno(Code::SystemError, "cannot bind a netlink socket");
}

struct Exchange {
  Outcome outcome;
  bool finished = false;
  const std::function<void(nlmsghdr*)>* on_answer = nullptr;
  std::exception_ptr thrown;  // exceptions must not pass through libnl's frames
};

/// The kernel's own sentence: attributes behind the error, after the request's copy unless the kernel left that out.
std::string extended_text(nlmsgerr* error) {
  auto* header = reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(error) - NLMSG_HDRLEN);
  if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return {};
  std::size_t offset = sizeof(nlmsgerr);
  if (!(header->nlmsg_flags & NLM_F_CAPPED)) offset += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(nlmsghdr);
  nlattr* text = nlmsg_find_attr(header, static_cast<int>(offset), NLMSGERR_ATTR_MSG);
  if (!text || nla_len(text) <= 0) return {};
  const auto* characters = static_cast<const char*>(nla_data(text));
  return std::string(characters, strnlen(characters, static_cast<std::size_t>(nla_len(text))));
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* argument) noexcept {
  auto* exchange = static_cast<Exchange*>(argument);
  exchange->outcome.error = -error->error;
  exchange->finished = true;
  try {
    exchange->outcome.text = extended_text(error);
  } catch (...) {
    exchange->thrown = std::current_exception();
  }
  return NL_STOP;
}

int on_end(nl_msg*, void* argument) noexcept {
  static_cast<Exchange*>(argument)->finished = true;
  return NL_STOP;
}

int on_valid(nl_msg* message, void* argument) noexcept {
  auto* exchange = static_cast<Exchange*>(argument);
  try {
    if (*exchange->on_answer && !exchange->thrown) (*exchange->on_answer)(nlmsg_hdr(message));
  } catch (...) {
    exchange->thrown = std::current_exception();
  }
  return NL_OK;
}

}  // namespace

void Socket::Delete::operator()(nl_sock* socket) const noexcept {
  nl_socket_free(socket);
}

Socket::Socket() : socket_(allocate()) {
  if (const int error = nl_connect(socket_.get(), NETLINK_ROUTE); error < 0)
    fail_libnl(error, "cannot open a netlink socket");
  configure();
}

Socket::Socket(base::Fd fd) : socket_(allocate()) {
  bind_if_unbound(fd.get());
  if (const int error = nl_socket_set_fd(socket_.get(), NETLINK_ROUTE, fd.get()); error < 0)
    fail_libnl(error, "cannot adopt a netlink socket");
  fd.release();
  configure();
}

Socket Socket::in(int netns) {
  const auto open_there = [netns] {
    if (::setns(netns, CLONE_NEWNET) != 0) base::fail_errno(Code::SystemError, "cannot enter a network namespace");
    return Socket();
  };
  return std::async(std::launch::async, open_there).get();
}

Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

void Socket::configure() {
  const int on = 1;
  // Without these the kernel's errors are bare numbers: worth having, not worth failing for.
  ::setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
}

Outcome Socket::exchange(nl_msg* message, const std::function<void(nlmsghdr*)>& on_answer) {
  Exchange exchange;
  exchange.on_answer = &on_answer;
  const std::unique_ptr<nl_cb, void (*)(nl_cb*)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), nl_cb_put);
  if (!callbacks) base::fail(Code::NoMemory, "netlink callbacks");
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &exchange);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &exchange);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &exchange);
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &exchange);
  if (const int error = nl_send_auto(socket_.get(), message); error < 0)
    fail_libnl(error, "cannot send a netlink request");
  while (!exchange.finished) {
    const int error = nl_recvmsgs(socket_.get(), callbacks.get());
    if (error < 0 && !exchange.finished) fail_libnl(error, "cannot receive a netlink answer");
  }
  if (exchange.thrown) std::rethrow_exception(exchange.thrown);
  return std::move(exchange.outcome);
}

void Socket::request(nl_msg* message, const std::string& what) {
  const Outcome outcome = exchange(message);
  if (outcome.error == 0) return;
  if (outcome.text.empty()) base::fail_errno_value(outcome.error, Code::SystemError, what);
  base::fail_errno_value(outcome.error, Code::SystemError, what, " (", outcome.text, ")");
}

}  // namespace netlink
