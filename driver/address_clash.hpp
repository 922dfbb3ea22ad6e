// Static addresses that two containers on one bridge would both answer for.
#pragma once

#include <string>
#include <vector>

#include "domain-xml/definition.hpp"
#include "driver/domain_registry.hpp"

namespace driver {

/// `interfaces` as they are to run, of the domain called `own_name`. Throws OperationFailed naming the domain that runs
/// with one of their addresses in the same place: bridge, or device for macvlans, and VLAN. Of two that start in the
/// same instant neither sees the other.
void require_free_addresses(const DomainRegistry& registry, const std::string& own_name,
                            const std::vector<domain_xml::Interface>& interfaces);

}  // namespace driver
