// Makes macvlan links: a container's own address on a link of the host, without a bridge and without a host end.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "netlink/message.hpp"
#include "netlink/socket.hpp"
#include "netlink/veth.hpp"

namespace netlink {

/// How links on one parent reach each other: MACVLAN_MODE_* of linux/if_link.h.
enum class MacvlanMode { Private, Vepa, Bridge, Passthrough };

struct MacvlanPlan {
  std::string parent;
  MacvlanMode mode = MacvlanMode::Vepa;
  std::string guest_name;
  Mac guest_mac{};
  std::optional<unsigned> mtu;
  bool operator==(const MacvlanPlan&) const = default;
};

/// The link inside network namespace `netns`. Passthrough has the parent's address at first.
Message macvlan_message(const MacvlanPlan& plan, int parent_index, int netns);

/// Owner of a link inside a container; deletes it unless released.
class Macvlan {
 public:
  /// Born inside `netns`, of which `inside` is a socket. Throws SystemError; a parent that does not exist says so by
  /// name.
  static Macvlan create(Socket& host, std::shared_ptr<Socket> inside, const MacvlanPlan& plan, int netns);
  Macvlan(Macvlan&& other) noexcept;
  Macvlan& operator=(Macvlan&& other) noexcept;
  ~Macvlan();
  void release() noexcept { inside_.reset(); }

 private:
  Macvlan(std::shared_ptr<Socket> inside, int index) : inside_(std::move(inside)), index_(index) {}
  std::shared_ptr<Socket> inside_;
  int index_ = 0;
};

}  // namespace netlink
