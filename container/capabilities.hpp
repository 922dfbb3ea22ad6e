// Which kernel capabilities a container's init keeps, as masks: the policy of <features><capabilities> applied to what
// this kernel has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "container/plan.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// The bit of a capability by libvirt's name ("sys_admin"). Throws ConfigUnsupported for a name libcap does not know.
std::uint64_t capability_bit(const std::string& name);

/// default: everything but the dangerous few; allow: everything; deny: nothing. Each state then adds or removes its
/// own.
CapabilitySets plan_capabilities(const std::optional<domain_xml::CapabilityFeature>& feature, unsigned last_capability);

/// The capabilities that the definition turns on by name.
std::uint64_t capabilities_asked_for(const std::optional<domain_xml::CapabilityFeature>& feature);

}  // namespace container
