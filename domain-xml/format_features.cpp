#include "domain-xml/format_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

bool says_something(const CapabilityFeature& feature) {
  return feature.policy != CapabilityPolicy::Default || !feature.states.empty();
}

void write_capabilities(Writer& writer, const CapabilityFeature& feature) {
  writer.open("capabilities").attribute("policy", word_for(kCapabilityPolicies, feature.policy));
  for (const char* name : kCapabilityNames)
    if (const auto state = feature.states.find(name); state != feature.states.end())
      writer.open(name).attribute("state", state->second ? "on" : "off").close();
  writer.close();
}

void write_timer(Writer& writer, const ClockTimer& timer) {
  writer.open("timer").attribute("name", timer.name);
  if (timer.present) writer.attribute("present", *timer.present ? "yes" : "no");
  for (const char* name : {"tickpolicy", "track", "frequency", "mode"})
    if (const auto found = timer.attributes.find(name); found != timer.attributes.end())
      writer.attribute(name, found->second);
  if (timer.catchup) write_stored(writer, *timer.catchup);
  writer.close();
}

}  // namespace

void write_features(Writer& writer, const Features& features) {
  const bool capabilities = features.capabilities && says_something(*features.capabilities);
  if (!features.privnet && !capabilities && features.others.empty()) return;
  writer.open("features");
  for (const std::string_view name : stored_children("features")) {
    // The two that are not stored stand at their places among the others.
    if (name == "hyperv" && features.privnet) writer.empty("privnet");
    if (name == "pmu" && capabilities) write_capabilities(writer, *features.capabilities);
    write_stored_named(writer, features.others, name);
  }
  writer.close();
}

void write_clock(Writer& writer, const Clock& clock) {
  writer.open("clock").attribute("offset", clock.offset);
  for (const char* name : {"adjustment", "basis", "timezone", "start"})
    if (const auto found = clock.attributes.find(name); found != clock.attributes.end())
      writer.attribute(name, found->second);
  for (const ClockTimer& timer : clock.timers) write_timer(writer, timer);
  writer.close();
}

}  // namespace domain_xml
