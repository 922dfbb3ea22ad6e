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
/// own. What 'deny' leaves on is inheritable too (as libvirt's driver has it), and ambient for an init that is not
/// root, who would have none of it otherwise (capabilities(7)).
CapabilitySets plan_capabilities(const domain_xml::DomainDefinition& definition, unsigned last_capability);

/// The capabilities that the definition turns on by name; with policy 'allow' all that it does not turn off.
std::uint64_t capabilities_asked_for(const std::optional<domain_xml::CapabilityFeature>& feature);

/// Whether it turns on one that the policy 'default' drops: those mean something on the host only, or as the host's
/// root.
bool asks_for_host_powers(const std::optional<domain_xml::CapabilityFeature>& feature);

}  // namespace container
