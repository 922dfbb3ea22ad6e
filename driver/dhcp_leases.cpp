#include "driver/dhcp_leases.hpp"

#include <cstdlib>

#include "driver/libvirt_handles.hpp"

namespace driver {
namespace {

DhcpLease to_lease(const virNetworkDHCPLease& lease) {
  return {lease.type == VIR_IP_ADDR_TYPE_IPV6, lease.ipaddr ? lease.ipaddr : "", lease.prefix,
          lease.hostname ? lease.hostname : ""};
}

}  // namespace

std::vector<DhcpLease> DhcpLeases::of(const std::string& network, const std::string& mac) {
  return client_.with([network, mac](virConnectPtr connection) {
    const Network found(virNetworkLookupByName(connection, network.c_str()));
    if (!found) fail_as_libvirt();
    virNetworkDHCPLeasePtr* list = nullptr;
    const int count = virNetworkGetDHCPLeases(found.get(), mac.c_str(), &list, 0);
    if (count < 0) fail_as_libvirt();
    std::vector<DhcpLease> leases;
    for (int i = 0; i < count; ++i) {
      leases.push_back(to_lease(*list[i]));
      virNetworkDHCPLeaseFree(list[i]);
    }
    std::free(list);
    return leases;
  });
}

}  // namespace driver
