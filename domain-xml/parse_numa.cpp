#include "base/error.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

/// Automatic placement of processors and of memory imply each other, unless a nodeset is given.
void parse_numa_tune(const Node& domain, DomainDefinition& definition) {
  const Node tune = domain.child("numatune");
  if (domain.children("numatune").size() > 1)
    fail_from(From::Domain, Code::XmlError, "element 'numatune' can only appear once");
  const Node memory = tune.child("memory");
  if (tune.child("memnode"))
    fail_from(From::Domain, Code::XmlError, "element 'memnode' is of no use without guest NUMA cells");

  NumaTune numa;
  const auto mode_text = memory.attribute("mode"), placement = memory.attribute("placement");
  if (mode_text) {
    const auto mode = find_word(kNumaModes, *mode_text);
    if (!mode) fail_from(From::Domain, Code::ConfigUnsupported, "unknown NUMA memory mode '", *mode_text, "'");
    numa.mode = *mode;
  }
  if (placement && *placement != "static" && *placement != "auto")
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown NUMA memory placement '", *placement, "'");
  const bool automatic = placement == "auto";
  if (const auto nodeset = memory.attribute("nodeset"); nodeset && !automatic)
    numa.nodeset = canonical_cpuset(*nodeset);

  const bool says_something = mode_text || placement || !numa.nodeset.empty();
  const bool vcpu_auto = definition.vcpu_placement == VcpuPlacement::Auto;
  if (says_something && numa.nodeset.empty() && !automatic && (placement == "static" || !vcpu_auto))
    fail_from(From::Domain, Code::ConfigUnsupported, "static NUMA memory placement needs a nodeset");
  if (!says_something && !vcpu_auto) return;
  if (automatic) {
    definition.vcpu_placement = VcpuPlacement::Auto;
    definition.cpuset.clear();
  }
  definition.numa_tune = numa;
}

}  // namespace domain_xml
