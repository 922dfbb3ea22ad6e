// A host and a definition that tests of plans begin with, and what becomes of them.
#pragma once

#include <string>

#include "base/error.hpp"
#include "container/plan_container.hpp"

namespace container::plans {

/// A host with cgroup v2, or with v1 and v2 at once; the source of web()'s root is there.
HostFacts v2_host();
HostFacts hybrid_host();
domain_xml::Filesystem filesystem(domain_xml::FilesystemType type, const std::string& source,
                                  const std::string& target);
/// The smallest there is.
domain_xml::DomainDefinition web();
std::string plan_text(const domain_xml::DomainDefinition& definition, const HostFacts& facts = v2_host(),
                      const UnsafeDefaults& unsafe = {});
/// Why there is no such plan.
base::Error refusal(const domain_xml::DomainDefinition& definition, const HostFacts& facts = v2_host());

}  // namespace container::plans
