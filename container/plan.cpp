#include "container/plan.hpp"

#include <sched.h>

#include <algorithm>

#include "base/error.hpp"
#include "container/capabilities.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"
#include "container/seccomp.hpp"
#include "domain-xml/capabilities.hpp"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

namespace container {
namespace {

std::string plan_seccomp(const domain_xml::DomainDefinition& definition) {
  if (definition.extension.seccomp == domain_xml::SeccompProfile::Unconfined) return "";
  const auto& feature = definition.features.capabilities;
  if (feature && feature->policy == domain_xml::CapabilityPolicy::Allow) return "";  // "everything" was asked for
  return seccomp_program(capabilities_asked_for(feature), !definition.idmap.empty());
}

/// Those the container gets of its own. CLONE_NEWCGROUP and CLONE_NEWNS always, as its cgroup and root are.
std::uint64_t plan_namespaces(const domain_xml::DomainDefinition& definition, bool private_network) {
  std::uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP;
  if (!definition.shared_ipc) flags |= CLONE_NEWIPC;
  if (!definition.shared_uts) flags |= CLONE_NEWUTS;
  if (private_network) flags |= CLONE_NEWNET;
  if (!definition.idmap.empty()) flags |= CLONE_NEWUSER;
  return flags;
}

bool asks_for_network(const domain_xml::DomainDefinition& definition) {
  const auto& devices = definition.host_devices;
  return definition.features.privnet || !definition.interfaces.empty() ||
         std::any_of(devices.begin(), devices.end(), is_network_device);
}

}  // namespace

domain_xml::DomainDefinition with_id_map(const domain_xml::DomainDefinition& definition) {
  auto copy = definition;
  const auto& automatic = definition.extension.idmap;
  if (!automatic || !definition.idmap.empty()) return copy;
  if (!automatic->start)
    base::fail(base::Code::InternalError, "no ids were chosen for the automatic id map of '", definition.name, "'");
  const domain_xml::IdMapEntry entry{0, *automatic->start, automatic->count};
  copy.idmap = {{entry}, {entry}};
  return copy;
}

bool has_private_network(const domain_xml::DomainDefinition& definition, const UnsafeDefaults& unsafe) {
  if (definition.shared_net) {
    if (asks_for_network(definition))
      base::fail(base::Code::ConfigUnsupported, "domain '", definition.name, "' shares the network of '",
                 definition.shared_net->value, "' and cannot have one of its own");
    return false;
  }
  return !unsafe.share_host_network || asks_for_network(definition);
}

ContainerPlan plan_container(const domain_xml::DomainDefinition& definition, const HostFacts& facts,
                             const UnsafeDefaults& unsafe) {
  const bool private_network = has_private_network(definition, unsafe);
  const auto effective = with_id_map(with_root(definition, unsafe));
  ContainerPlan plan;
  plan.name = effective.name;
  if (!effective.shared_uts) plan.hostname = plan_hostname(effective.name);
  plan.namespaces = plan_namespaces(effective, private_network);
  plan_id_maps(plan, effective.idmap);

  plan_devices(plan, effective);
  plan_root(plan, effective, facts);
  plan_kernel_mounts(plan, private_network);
  plan_cgroup_mounts(plan, facts.cgroups);
  plan_own_files(plan, effective, facts);
  plan_user_mounts(plan, effective, facts);

  plan.wait_for_network = !plan_links(effective).empty();
  plan.loopback_up = private_network;
  plan.capabilities = plan_capabilities(effective.features.capabilities, facts.last_capability);
  plan.seccomp = plan_seccomp(effective);
  plan.personality_32bit = !effective.os.arch.empty() && effective.os.arch != facts.arch &&
                           effective.os.arch == domain_xml::sibling_arch(facts.arch);
  plan.resource_limits = plan_resource_limits(effective.extension.resource_limits);
  plan.init = plan_init(effective);
  return plan;
}

}  // namespace container
