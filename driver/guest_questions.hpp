// What is asked about a running container from outside: its addresses, by the three sources libvirt has, and its name.
#pragma once

#include <string>
#include <vector>

#include "driver/domain.hpp"
#include "rpc/protocol.hpp"

namespace driver {

using GuestInterfaces = std::vector<rpc::DomainInterface>;

/// `source`: virDomainInterfaceAddressesSource. The leases of libvirt's networks; the host's ARP and neighbour table;
/// or, in place of an agent, what the kernel says inside the container. Throws ArgumentUnsupported for others.
GuestInterfaces guest_interfaces(const Services& services, const DomainSnapshot& domain, unsigned source);

/// `flags`: virDomainGetHostnameFlags; the container's own unless leases are asked for. Throws NoHostname.
std::string guest_hostname(const Services& services, const DomainSnapshot& domain, unsigned flags);

}  // namespace driver
