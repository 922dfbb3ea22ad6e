#include "domain-xml/cpu_pins.hpp"

#include <algorithm>
#include <string_view>

#include "domain-xml/stored.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {
namespace {

std::string attribute(const Element& element, std::string_view name) {
  for (const auto& entry : element.attributes)
    if (entry.first == name) return entry.second;
  return "";
}

/// Where an element of this name belongs among the others: cputune has an order, and pins are kept by number.
void insert(CpuTune& tune, Element element) {
  const auto order = stored_children("cputune");
  const auto rank = [&](const Element& one) {
    const auto place = std::find(order.begin(), order.end(), std::string_view(one.name)) - order.begin();
    return std::pair(place, parse_unsigned(attribute(one, "vcpu")).value_or(0));
  };
  const auto after =
      std::upper_bound(tune.others.begin(), tune.others.end(), element,
                       [&](const Element& left, const Element& right) { return rank(left) < rank(right); });
  tune.others.insert(after, std::move(element));
}

}  // namespace

std::map<unsigned, std::string> vcpu_pins(const CpuTune& tune) {
  std::map<unsigned, std::string> pins;
  for (const Element& element : tune.others)
    if (element.name == "vcpupin")
      if (const auto vcpu = parse_unsigned(attribute(element, "vcpu")))
        pins[static_cast<unsigned>(*vcpu)] = attribute(element, "cpuset");
  return pins;
}

void set_vcpu_pin(CpuTune& tune, unsigned vcpu, const std::string& cpus) {
  const std::string number = std::to_string(vcpu);
  std::erase_if(tune.others, [&](const Element& element) {
    return element.name == "vcpupin" && attribute(element, "vcpu") == number;
  });
  if (!cpus.empty()) insert(tune, {.name = "vcpupin", .attributes = {{"vcpu", number}, {"cpuset", cpus}}});
}

std::string emulator_pin(const CpuTune& tune) {
  for (const Element& element : tune.others)
    if (element.name == "emulatorpin") return attribute(element, "cpuset");
  return "";
}

void set_emulator_pin(CpuTune& tune, const std::string& cpus) {
  std::erase_if(tune.others, [](const Element& element) { return element.name == "emulatorpin"; });
  if (!cpus.empty()) insert(tune, {.name = "emulatorpin", .attributes = {{"cpuset", cpus}}});
}

std::optional<std::int64_t> stored_number(const CpuTune& tune, const char* name) {
  for (const Element& element : tune.others)
    if (element.name == name) return parse_signed(element.text);
  return std::nullopt;
}

}  // namespace domain_xml
