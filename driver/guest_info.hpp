// virDomainGetGuestInfo: what an agent would tell of a guest, read from the container's own files and namespaces. The
// names of the parameters are those of libvirt-domain.h.
#pragma once

#include "driver/domain.hpp"
#include "driver/parameters.hpp"

namespace driver {

/// `types`: VIR_DOMAIN_GUEST_INFO_*, 0 for all. Throws ArgumentUnsupported for others, OperationInvalid when the domain
/// does not run.
Parameters guest_info(const DomainSnapshot& domain, unsigned types);

}  // namespace driver
