#include "container/capabilities.hpp"

#include <sys/capability.h>

#include "base/error.hpp"

namespace container {
namespace {

using domain_xml::CapabilityFeature;
using domain_xml::CapabilityPolicy;

constexpr std::uint64_t bit(int capability) {
  return std::uint64_t{1} << capability;
}

/// Not kept unless asked for: kernel code, the host's clock and audit rules, device nodes, mandatory access control.
constexpr std::uint64_t kDropped =
    bit(CAP_SYS_MODULE) | bit(CAP_SYS_TIME) | bit(CAP_MKNOD) | bit(CAP_AUDIT_CONTROL) | bit(CAP_MAC_ADMIN);

std::uint64_t bits_in_state(const CapabilityFeature& feature, bool state) {
  std::uint64_t bits = 0;
  for (const auto& [name, on] : feature.states)
    if (on == state) bits |= capability_bit(name);
  return bits;
}

}  // namespace

std::uint64_t capability_bit(const std::string& name) {
  cap_value_t value = -1;
  if (cap_from_name(("cap_" + name).c_str(), &value) < 0 || value < 0 || value > 63)
    base::fail(base::Code::ConfigUnsupported, "unknown capability '", name, "'");
  return bit(value);
}

std::uint64_t capabilities_asked_for(const std::optional<CapabilityFeature>& feature) {
  if (!feature) return 0;
  return feature->policy == CapabilityPolicy::Allow ? ~bits_in_state(*feature, false) : bits_in_state(*feature, true);
}

bool asks_for_host_powers(const std::optional<CapabilityFeature>& feature) {
  return (capabilities_asked_for(feature) & kDropped) != 0;
}

CapabilitySets plan_capabilities(const domain_xml::DomainDefinition& definition, unsigned last_capability) {
  const CapabilityFeature chosen = definition.features.capabilities.value_or(CapabilityFeature{});
  const std::uint64_t known =
      last_capability >= 63 ? ~std::uint64_t{0} : bit(static_cast<int>(last_capability) + 1) - 1;
  const std::uint64_t on = bits_in_state(chosen, true) & known;
  const std::uint64_t off = bits_in_state(chosen, false);
  switch (chosen.policy) {
    case CapabilityPolicy::Default:
      return {.bounding = ((known & ~kDropped) | on) & ~off};
    case CapabilityPolicy::Allow:
      return {.bounding = known & ~off};
    case CapabilityPolicy::Deny:
      return {.bounding = on, .inheritable = on, .ambient = definition.os.init_user.empty() ? 0 : on};
  }
  return {};
}

}  // namespace container
