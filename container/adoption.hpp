// Finds a container again whose daemon is gone, or removes what a lost supervisor has left.
#pragma once

#include <chrono>

#include "container/link_names.hpp"
#include "container/root_targets.hpp"
#include "container/supervised_container.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// A slow answer must not cost a container its life.
inline constexpr std::chrono::seconds kAdoptLimit{30};

/// Fills `parts` from a supervisor that still answers; false when it is gone. One that closes the connection has been
/// refused something by the kernel, or is ending: it is asked again for as long as it lives. Throws SystemError when it
/// cannot be heard, OperationUnsupported for one of a newer build.
bool find_again(const domain_xml::DomainDefinition& live, ContainerParts& parts, RootTargets& targets);
/// Ends and removes what a lost supervisor has left. A link is only known to be ours while its container's processes
/// live.
void remove_leftovers(const domain_xml::DomainDefinition& live, ContainerParts& parts, LinkNames& names);

}  // namespace container
