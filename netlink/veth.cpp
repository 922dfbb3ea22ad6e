#include "netlink/veth.hpp"

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "netlink/link.hpp"
#include "netlink/message.hpp"

namespace netlink {
namespace {

using base::Code;

int bridge_index(Socket& socket, const std::string& bridge) {
  if (bridge.empty()) return 0;
  const auto index = find_link(socket, bridge);
  if (!index) base::fail_errno_value(ENODEV, Code::SystemError, "cannot find bridge '", bridge, "'");
  return *index;
}

[[noreturn]] void fail_name_clash(Socket& socket, const VethPlan& plan) {
  if (find_link(socket, plan.host_name))
    base::fail_errno_value(EEXIST, Code::SystemError, "network device '", plan.host_name, "' exists already");
  base::fail_errno_value(EEXIST, Code::SystemError, "the container has a network device '", plan.guest_name,
                         "' already");
}

}  // namespace

Veth Veth::create(Socket& socket, const VethPlan& plan, int netns) {
  const int master = bridge_index(socket, plan.bridge);
  const Message message = veth_message(plan, master, netns);
  const Outcome outcome = socket.exchange(message.get());
  if (outcome.error == EEXIST) fail_name_clash(socket, plan);
  if (outcome.error != 0) {
    std::string what = base::join("cannot create veth pair '", plan.host_name, "'");
    if (!plan.bridge.empty()) what += " in bridge '" + plan.bridge + "'";
    if (outcome.error == EXFULL) what += " (it has as many ports as a bridge can have)";
    if (!outcome.text.empty()) what += " (" + outcome.text + ")";
    base::fail_errno_value(outcome.error, Code::SystemError, what);
  }
  const auto index = find_link(socket, plan.host_name);
  if (!index) base::fail_errno_value(ENODEV, Code::SystemError, "veth '", plan.host_name, "' vanished");
  return Veth(plan.host_name, *index);
}

Veth::Veth(Veth&& other) noexcept : host_name_(std::move(other.host_name_)), index_(std::exchange(other.index_, 0)) {}

Veth& Veth::operator=(Veth&& other) noexcept {
  if (this == &other) return *this;
  const Veth previous(std::move(*this));
  host_name_ = std::move(other.host_name_);
  index_ = std::exchange(other.index_, 0);
  return *this;
}

Veth::~Veth() {
  if (index_ == 0) return;
  try {
    Socket socket;
    // The name may have gone to someone else since: only the link we made is ours to delete.
    if (find_link(socket, host_name_) == index_) delete_link(socket, host_name_);
  } catch (const std::exception& error) {
    base::log::warning("cannot delete network device '{}': {}", host_name_, error.what());
  }
}

}  // namespace netlink
