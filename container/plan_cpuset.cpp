// Which processors a container runs on.
#include <algorithm>
#include <set>

#include "container/plan_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/cpuset.hpp"

namespace container {
namespace {

std::string list_of(const std::set<unsigned>& cpus) {
  std::string list;
  for (const unsigned cpu : cpus) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  return domain_xml::canonical_cpuset(list);
}

std::set<unsigned> members(const std::string& list) {
  const auto cpus = domain_xml::cpuset_members(list);
  return {cpus.begin(), cpus.end()};
}

/// Where every current vcpu is pinned, all these places together; empty while one of them is free.
std::set<unsigned> pinned_to(const domain_xml::DomainDefinition& definition) {
  const auto pins = domain_xml::vcpu_pins(definition.cpu_tune);
  std::set<unsigned> all;
  for (unsigned vcpu = 0; vcpu < current_vcpus(definition); ++vcpu) {
    const auto pin = pins.find(vcpu);
    if (pin == pins.end()) return {};
    all.merge(members(pin->second));
  }
  return all;
}

std::set<unsigned> some_of(const std::set<unsigned>& cpus, unsigned count, const base::Uuid& uuid) {
  const std::vector<unsigned> all(cpus.begin(), cpus.end());
  const std::size_t first = (uuid.bytes[14] * 256U + uuid.bytes[15]) % all.size();
  std::set<unsigned> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.insert(all[(first + i) % all.size()]);
  return chosen;
}

}  // namespace

bool pins_in_force(const domain_xml::DomainDefinition& definition) {
  return !pinned_to(definition).empty();
}

std::string plan_cpuset(const domain_xml::DomainDefinition& definition, const std::string& online_cpus) {
  std::set<unsigned> cpus = pinned_to(definition);
  if (cpus.empty() && !definition.cpuset.empty()) cpus = members(definition.cpuset);
  const unsigned current = current_vcpus(definition);
  if (current < definition.vcpus) {
    std::set<unsigned> usable = members(online_cpus);
    if (!cpus.empty()) std::erase_if(usable, [&](unsigned cpu) { return !cpus.contains(cpu); });
    if (current < usable.size()) cpus = some_of(usable, current, definition.uuid);
  }
  return cpus.empty() ? "" : list_of(cpus);
}

}  // namespace container
