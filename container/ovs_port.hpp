// Ports of Open vSwitch bridges, made and removed in its database by the OVSDB protocol (RFC 7047, ovsdb-server(7)).
// The database forgets nothing by itself: a port carries the name of whose it is, and is found again by that.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netlink/port.hpp"

namespace container {

inline constexpr const char* kOvsDatabase = "/run/openvswitch/db.sock";

/// What the database is told of a port; `interface_id` and `profile_id` are for the network's controller.
struct OvsPlan {
  std::string bridge;
  std::string interface_id, profile_id, mac;
  std::vector<netlink::PortVlan> vlans;
  bool operator==(const OvsPlan&) const = default;
};

/// Whose port it is: the name it is found again by, and the domain's uuid for the network's controller.
struct OvsOwner {
  std::string name, uuid;
};

/// True if there is a database to ask.
bool has_ovs(const std::string& database = kOvsDatabase);

/// Owner of one port; removes it unless released.
class OvsPort {
 public:
  /// Makes `link` a port. Throws SystemError: no such bridge, or what the database says.
  static OvsPort add(const OvsPlan& plan, const std::string& link, const OvsOwner& owner,
                     const std::string& database = kOvsDatabase);
  OvsPort(OvsPort&& other) noexcept;
  OvsPort& operator=(OvsPort&& other) noexcept;
  ~OvsPort();
  void release() noexcept { link_.clear(); }

 private:
  OvsPort(std::string link, std::string database) : link_(std::move(link)), database_(std::move(database)) {}
  std::string link_, database_;
};

/// One port, and all of an owner. One that is gone is success. Throw SystemError.
void remove_ovs_port(const std::string& link, const std::string& database = kOvsDatabase);
void remove_ovs_ports_of(const std::string& owner, const std::string& database = kOvsDatabase);

}  // namespace container
