// Makes and removes veth pairs: one end in a bridge of the host, the other inside a container.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "netlink/socket.hpp"

namespace netlink {

using Mac = std::array<std::uint8_t, 6>;

struct VethPlan {
  std::string host_name;        // "vnet0"
  std::string bridge;           // master, empty for none
  std::optional<Mac> host_mac;  // nullopt: the guest's with first octet fe (see host_mac() in message.hpp)
  std::string guest_name;       // "eth0", the name inside from birth
  Mac guest_mac{};
  std::optional<unsigned> mtu;
  bool host_up = true;
  bool operator==(const VethPlan&) const = default;
};

/// Owner of the host end. Deleting costs 20 ms of RCU waiting, so the destructor only deletes when release() was not
/// called; a dying network namespace deletes the pair by itself.
class Veth {
 public:
  /// One RTM_NEWLINK carries everything, the peer is born inside network namespace `netns`. Throws SystemError; an
  /// unknown bridge says so by name before anything is made; a name in use says which (the Error's errno is EEXIST
  /// then).
  static Veth create(Socket& socket, const VethPlan& plan, int netns);
  Veth(Veth&& other) noexcept;
  Veth& operator=(Veth&& other) noexcept;
  ~Veth();
  const std::string& host_name() const { return host_name_; }
  int host_index() const { return index_; }
  void release() noexcept { index_ = 0; }

 private:
  Veth(std::string name, int index) : host_name_(std::move(name)), index_(index) {}
  std::string host_name_;
  int index_ = 0;
};

}  // namespace netlink
