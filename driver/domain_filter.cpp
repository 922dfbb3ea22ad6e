#include "driver/domain_filter.hpp"

#include <libvirt/libvirt.h>

#include "driver/domain_registry.hpp"

namespace driver {
namespace {

/// A group of flags filters only when at least one of its bits is set.
struct FilterGroup {
  std::uint32_t flags;
  std::uint32_t mask;
  bool pass(std::uint32_t is) const { return (flags & mask) == 0 || (flags & is) != 0; }
};

}  // namespace

bool matches(const DomainStanding& domain, std::uint32_t flags) {
  const auto group = [&](std::uint32_t yes, std::uint32_t no, bool is) {
    return FilterGroup{flags, yes | no}.pass(is ? yes : no);
  };
  constexpr std::uint32_t kStates = VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |
                                    VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER;
  const std::uint32_t state = domain.status.state == VIR_DOMAIN_RUNNING  ? VIR_CONNECT_LIST_DOMAINS_RUNNING
                              : domain.status.state == VIR_DOMAIN_PAUSED ? VIR_CONNECT_LIST_DOMAINS_PAUSED
                                                                         : VIR_CONNECT_LIST_DOMAINS_SHUTOFF;
  return group(VIR_CONNECT_LIST_DOMAINS_ACTIVE, VIR_CONNECT_LIST_DOMAINS_INACTIVE, domain.status.active()) &&
         group(VIR_CONNECT_LIST_DOMAINS_PERSISTENT, VIR_CONNECT_LIST_DOMAINS_TRANSIENT, domain.persistent) &&
         FilterGroup{flags, kStates}.pass(state) &&
         group(VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE, false) &&
         group(VIR_CONNECT_LIST_DOMAINS_AUTOSTART, VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, domain.autostart) &&
         group(VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT, VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT, false) &&
         group(VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT, VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT, false);
}

namespace {

template <typename Take>
void each_match(const Services& services, const std::set<base::Uuid>* visible, std::uint32_t flags, const Take& take) {
  for (const auto& domain : services.registry.all()) {
    if (visible && !visible->contains(domain->uuid())) continue;
    if (const auto now = domain->standing(); matches(now, flags)) take(*domain, now);
  }
}

}  // namespace

std::vector<DomainIdentity> list_identities(const Services& services, const std::set<base::Uuid>* visible,
                                            std::uint32_t flags) {
  std::vector<DomainIdentity> found;
  each_match(services, visible, flags, [&](const Domain& domain, const DomainStanding& now) {
    found.push_back({domain.name(), domain.uuid(), now.id});
  });
  return found;
}

std::vector<DomainSnapshot> list_domains(const Services& services, const std::set<base::Uuid>* visible,
                                         std::uint32_t flags) {
  std::vector<DomainSnapshot> found;
  each_match(services, visible, flags, [&](const Domain& domain, const DomainStanding&) {
    if (auto now = domain.snapshot(); matches(now.standing(), flags)) found.push_back(std::move(now));
  });
  return found;
}

}  // namespace driver
