// Who has which address on libvirt's networks, as the DHCP servers there know it: asked of libvirt's network driver.
#pragma once

#include <string>
#include <vector>

#include "driver/sibling_client.hpp"

namespace driver {

struct DhcpLease {
  bool ipv6 = false;
  std::string address;
  unsigned prefix = 0;
  std::string hostname;  // as the client called itself, "" if it did not
  bool operator==(const DhcpLease&) const = default;
};

class DhcpLeases {
 public:
  explicit DhcpLeases(const Siblings& siblings) : client_(siblings, rpc::Subdriver::Network) {}

  /// Of the client with this MAC address. Throws what the network driver says; as its own daemon does when there is
  /// none.
  std::vector<DhcpLease> of(const std::string& network, const std::string& mac);

 private:
  SiblingClient client_;
};

}  // namespace driver
