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

/// Those the container gets of its own. CLONE_NEWCGROUP and CLONE_NEWNS always, as its cgroup and root are.
std::uint64_t plan_namespaces(const domain_xml::DomainDefinition& definition, bool private_network) {
  std::uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP;
  if (!definition.shared_ipc) flags |= CLONE_NEWIPC;
  if (!definition.shared_uts) flags |= CLONE_NEWUTS;
  if (private_network) flags |= CLONE_NEWNET;
  return flags;
}

KernelLog wanted_log(const domain_xml::DomainDefinition& definition) {
  const bool asked = (capabilities_asked_for(definition.features.capabilities) & capability_bit("syslog")) != 0;
  return asked ? KernelLog::Shown : KernelLog::Hidden;
}

SeccompSubject subject_of(const ContainerPlan& plan, const domain_xml::DomainDefinition& definition) {
  const auto kept = plan.capabilities.bounding;
  return {.kept = kept,
          .asked_for = kept & capabilities_asked_for(definition.features.capabilities),
          .user_namespace = !plan.uid_map.empty(),
          .of_32bit = plan.personality_32bit};
}

/// Ids as on the host, (uid_t)-1 excepted, which is nobody's; but in a user namespace root's capabilities hold there
/// only.
constexpr const char* kEveryId = "0 0 4294967295\n";

bool wants_own_users(const domain_xml::DomainDefinition& definition, const HostFacts& facts,
                     const UnsafeDefaults& unsafe) {
  return facts.user_namespaces && !unsafe.share_host_users && !definition.extension.host_ids &&
         has_private_network(definition, unsafe) && !needs_host_users(definition);
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

bool needs_host_users(const domain_xml::DomainDefinition& definition) {
  const auto* const root = find_root(definition);
  return asks_for_host_powers(definition.features.capabilities) || definition.shared_net || definition.shared_ipc ||
         definition.shared_uts || (root && root->source == "/");
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
  if (facts.time_namespaces) plan.namespaces |= CLONE_NEWTIME;
  plan_id_maps(plan, effective.idmap);
  if (effective.idmap.empty() && wants_own_users(effective, facts, unsafe)) plan.uid_map = plan.gid_map = kEveryId;
  if (!plan.uid_map.empty()) plan.namespaces |= CLONE_NEWUSER;

  plan_devices(plan, effective, facts);
  plan_root(plan, effective, facts);
  plan_kernel_mounts(plan, private_network, wanted_log(effective));
  plan_cgroup_mounts(plan, facts.cgroups);
  plan_own_files(plan, effective, facts);
  plan_user_mounts(plan, effective, facts);

  plan.wait_for_network = !plan_links(effective).empty();
  plan.loopback_up = private_network;
  plan.personality_32bit = !effective.os.arch.empty() && effective.os.arch != facts.arch &&
                           effective.os.arch == domain_xml::sibling_arch(facts.arch);
  plan.capabilities = plan_capabilities(effective, facts.last_capability);
  plan.no_new_privs = effective.extension.seccomp == "strict";
  plan.seccomp = seccomp_program(effective.extension.seccomp, subject_of(plan, effective), facts.seccomp_file);
  plan.resource_limits = plan_resource_limits(effective.extension.resource_limits);
  plan.init = plan_init(effective);
  plan.memory_policy = plan_memory_policy(effective);
  return plan;
}

}  // namespace container
