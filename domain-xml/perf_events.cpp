#include "domain-xml/perf_events.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace domain_xml {
namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;

bool is_perf(const Element& element) {
  return element.name == "perf";
}

bool has(const Element& element, const char* attribute, const std::string& value) {
  const auto& all = element.attributes;
  return std::find(all.begin(), all.end(), Attributes::value_type(attribute, value)) != all.end();
}

/// As complete_domain() leaves them: in libvirt's order.
std::ptrdiff_t rank(const Element& event) {
  const auto found = std::find_if(std::begin(kPerfEvents), std::end(kPerfEvents),
                                  [&](const char* name) { return has(event, "name", name); });
  return found - std::begin(kPerfEvents);
}

}  // namespace

std::set<std::string> perf_events(const DomainDefinition& definition) {
  std::set<std::string> names;
  const auto perf = std::find_if(definition.others.begin(), definition.others.end(), is_perf);
  if (perf == definition.others.end()) return names;
  for (const char* name : kPerfEvents)
    for (const Element& event : perf->children)
      if (has(event, "name", name) && has(event, "enabled", "yes")) names.insert(name);
  return names;
}

void set_perf_event(DomainDefinition& definition, const std::string& name, bool enabled) {
  auto& others = definition.others;
  auto perf = std::find_if(others.begin(), others.end(), is_perf);
  if (perf == others.end()) perf = others.insert(perf, {.name = "perf"});
  auto& events = perf->children;
  std::erase_if(events, [&](const Element& event) { return has(event, "name", name); });
  Element event{.name = "event", .attributes = {{"name", name}, {"enabled", enabled ? "yes" : "no"}}};
  const auto after =
      std::upper_bound(events.begin(), events.end(), event,
                       [](const Element& left, const Element& right) { return rank(left) < rank(right); });
  events.insert(after, std::move(event));
}

}  // namespace domain_xml
