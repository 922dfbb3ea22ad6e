// Features, lifecycle actions and the clock.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

CapabilityFeature parse_capabilities(const Node& node) {
  CapabilityFeature feature;
  feature.policy = word_attribute(node, "policy", kCapabilityPolicies, CapabilityPolicy::Default);
  for (const Node& child : node.children()) {
    const std::string name = child.name();
    if (!contains(kCapabilityNames, name))
      fail_from(From::Domain, Code::ConfigUnsupported, "unknown capability '", name, "'");
    feature.states[name] = on_off_attribute(child, "state").value_or(true);
  }
  return feature;
}

LifecycleAction parse_action(const Node& domain, const char* name, LifecycleAction fallback) {
  const std::string text = domain.child(name).text();
  if (text.empty()) return fallback;
  const auto action = find_word(kLifecycleActions, text);
  if (!action) fail_from(From::Domain, Code::ConfigUnsupported, "unknown action '", text, "' in element '", name, "'");
  return *action;
}

ClockTimer parse_timer(const Node& node) {
  ClockTimer timer;
  if (!node.attribute("name")) fail_attribute_missing(node, "name");
  timer.name = word_attribute(node, "name", kTimerNames);
  timer.present = yes_no_attribute(node, "present");
  const auto keep = [&](const char* attribute, std::string value) {
    if (!value.empty()) timer.attributes[attribute] = std::move(value);
  };
  keep("tickpolicy", word_attribute(node, "tickpolicy", kTimerTickPolicies));
  keep("track", word_attribute(node, "track", kTimerTracks));
  keep("mode", word_attribute(node, "mode", kTimerModes));
  if (const auto text = node.attribute("frequency")) {
    const auto frequency = parse_unsigned(*text);
    if (!frequency) fail_attribute_value(node, "frequency", *text);
    if (*frequency != 0) keep("frequency", std::to_string(*frequency));
  }
  if (const Node catchup = node.child("catchup")) timer.catchup = parse_stored(catchup, "timer/catchup");
  if (timer.catchup && timer.catchup->attributes.empty()) timer.catchup.reset();
  if (timer.catchup && node.attribute_text("tickpolicy") != "catchup")
    fail_from(From::Domain, Code::XmlError, "element 'catchup' is for timers with tickpolicy 'catchup' only");
  return timer;
}

std::string required_clock_attribute(const Node& node, const char* attribute, const std::string& offset) {
  const auto text = node.attribute(attribute);
  if (!text)
    fail_from(From::Domain, Code::InternalError, "clock offset '", offset, "' needs the attribute '", attribute, "'");
  return *text;
}

/// Offset from UTC or local time in seconds; "reset" stays a word, anything else makes the clock a variable one.
void parse_adjustment(const Node& node, Clock& clock) {
  const auto text = node.attribute("adjustment");
  if (!text) return;
  if (*text == "reset") {
    clock.attributes["adjustment"] = *text;
    return;
  }
  const auto seconds = parse_signed(*text);
  if (!seconds) fail_attribute_value(node, "adjustment", *text);
  clock.attributes = {{"adjustment", std::to_string(*seconds)}, {"basis", clock.offset}};
  clock.offset = "variable";
}

void parse_offset(const Node& node, Clock& clock) {
  if (clock.offset == "utc" || clock.offset == "localtime") return parse_adjustment(node, clock);
  if (clock.offset == "timezone") {
    clock.attributes["timezone"] = required_clock_attribute(node, "timezone", clock.offset);
    return;
  }
  const char* const name = clock.offset == "absolute" ? "start" : "adjustment";
  const std::string text = clock.offset == "absolute" ? required_clock_attribute(node, name, clock.offset)
                                                      : node.attribute(name).value_or("0");
  const auto seconds = parse_signed(text);
  // libvirt takes any other adjustment for none.
  if (!seconds && clock.offset == "absolute")
    fail_from(From::Domain, Code::InternalError, "the start of the clock must be a number, not '", text, "'");
  clock.attributes[name] = std::to_string(seconds.value_or(0));
  if (clock.offset == "absolute") return;
  static constexpr const char* kBases[] = {"utc", "localtime"};
  const std::string basis = node.attribute_text("basis");
  if (!basis.empty() && !contains(kBases, basis))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown basis '", basis, "' of the clock");
  clock.attributes["basis"] = basis.empty() ? "utc" : basis;
}

}  // namespace

namespace {

void require_known(const std::string& kind, const Node& node, const std::string& path) {
  const auto known = stored_children(path);
  if (std::find(known.begin(), known.end(), node.name()) == known.end())
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown ", kind, "feature '", node.name(), "'");
}

}  // namespace

void parse_features(const Node& domain, DomainDefinition& definition) {
  const Node features = domain.child("features");
  for (const Node& node : features.children()) {
    const std::string name = node.name();
    if (name == "privnet") {
      definition.features.privnet = true;
    } else if (name != "capabilities") {
      require_known("", node, "features");
    }
  }
  auto capabilities = parse_capabilities(features.child("capabilities"));
  if (!(capabilities == CapabilityFeature{})) definition.features.capabilities = std::move(capabilities);
  for (const char* name : {"hyperv", "kvm", "xen"})
    for (const Node& node : features.child(name).children())
      require_known(std::string(name) + ' ', node, std::string("features/") + name);
  definition.features.others = parse_stored_children(features, "features");
}

void parse_lifecycle(const Node& domain, DomainDefinition& definition) {
  definition.on_reboot = parse_action(domain, "on_reboot", LifecycleAction::Restart);
  definition.on_poweroff = parse_action(domain, "on_poweroff", LifecycleAction::Destroy);
  if (const std::string text = domain.child("on_lockfailure").text(); !text.empty() && !contains(kLockFailures, text))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown action '", text, "' in element 'on_lockfailure'");
  definition.on_crash = parse_action(domain, "on_crash", LifecycleAction::Destroy);
}

void parse_clock(const Node& domain, DomainDefinition& definition) {
  const Node node = domain.child("clock");
  if (!node) return;
  Clock& clock = definition.clock;
  if (const auto offset = node.attribute("offset")) clock.offset = *offset;
  if (!contains(kClockOffsets, clock.offset))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown clock offset '", clock.offset, "'");
  parse_offset(node, clock);
  for (const Node& timer : node.children("timer")) clock.timers.push_back(parse_timer(timer));
}

}  // namespace domain_xml
