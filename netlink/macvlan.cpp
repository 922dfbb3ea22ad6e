#include "netlink/macvlan.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "netlink/builder.hpp"
#include "netlink/link.hpp"

namespace netlink {
namespace {

using base::Code;

std::uint32_t kernel_mode(MacvlanMode mode) {
  switch (mode) {
    case MacvlanMode::Private:
      return MACVLAN_MODE_PRIVATE;
    case MacvlanMode::Vepa:
      return MACVLAN_MODE_VEPA;
    case MacvlanMode::Bridge:
      return MACVLAN_MODE_BRIDGE;
    case MacvlanMode::Passthrough:
      return MACVLAN_MODE_PASSTHRU;
  }
  return MACVLAN_MODE_VEPA;
}

[[noreturn]] void fail_to_create(const MacvlanPlan& plan, const Outcome& outcome) {
  if (outcome.error == EEXIST)
    base::fail_errno_value(EEXIST, Code::SystemError, "the container has a network device '", plan.guest_name,
                           "' already");
  // Passthrough wants the parent for itself, and who has it so lets nobody else on it.
  const bool shared = outcome.error == EINVAL || outcome.error == EBUSY;
  const std::string why = !outcome.text.empty() ? " (" + outcome.text + ")"
                          : shared              ? " (it has other macvlan devices that exclude this one)"
                                                : "";
  base::fail_errno_value(outcome.error, Code::SystemError, "cannot create macvlan device '", plan.guest_name,
                         "' on network device '", plan.parent, "'", why);
}

}  // namespace

Message macvlan_message(const MacvlanPlan& plan, int parent_index, int netns) {
  Builder builder = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, plan.guest_name);
  builder.bytes(IFLA_ADDRESS, plan.guest_mac.data(), plan.guest_mac.size());
  if (plan.mtu) builder.number(IFLA_MTU, *plan.mtu);
  builder.number(IFLA_LINK, static_cast<std::uint32_t>(parent_index));
  builder.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  nlattr* info = builder.open(IFLA_LINKINFO);
  builder.text(IFLA_INFO_KIND, "macvlan");
  nlattr* data = builder.open(IFLA_INFO_DATA);
  builder.number(IFLA_MACVLAN_MODE, kernel_mode(plan.mode));
  builder.close(data);
  builder.close(info);
  return builder.take();
}

Macvlan Macvlan::create(Socket& host, std::shared_ptr<Socket> inside, const MacvlanPlan& plan, int netns) {
  const auto parent = find_link(host, plan.parent);
  if (!parent) base::fail_errno_value(ENODEV, Code::SystemError, "cannot find network device '", plan.parent, "'");
  const Message message = macvlan_message(plan, *parent, netns);
  const Outcome outcome = host.exchange(message.get());
  if (outcome.error != 0) fail_to_create(plan, outcome);
  const auto index = find_link(*inside, plan.guest_name);
  if (!index) base::fail_errno_value(ENODEV, Code::SystemError, "macvlan '", plan.guest_name, "' vanished");
  Macvlan made(std::move(inside), *index);
  // Born with its parent's address, whatever was asked for; setting it changes the parent's until the end.
  if (plan.mode == MacvlanMode::Passthrough) set_link_mac(*made.inside_, plan.guest_name, plan.guest_mac);
  return made;
}

Macvlan::Macvlan(Macvlan&& other) noexcept : inside_(std::move(other.inside_)), index_(other.index_) {}

Macvlan& Macvlan::operator=(Macvlan&& other) noexcept {
  if (this == &other) return *this;
  const Macvlan previous(std::move(*this));
  inside_ = std::move(other.inside_);
  index_ = other.index_;
  return *this;
}

Macvlan::~Macvlan() {
  if (!inside_) return;
  try {
    delete_link(*inside_, index_);
  } catch (const std::exception& error) {
    base::log::warning("cannot delete macvlan device {} of a container: {}", index_, error.what());
  }
}

}  // namespace netlink
