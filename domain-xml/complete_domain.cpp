#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "domain-xml/complete_stored.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

using Names = std::vector<std::string_view>;

Element* named(std::vector<Element>& elements, std::string_view name) {
  const auto found =
      std::find_if(elements.begin(), elements.end(), [&](const Element& element) { return element.name == name; });
  return found == elements.end() ? nullptr : &*found;
}

void erase_named(std::vector<Element>& elements, std::string_view name) {
  std::erase_if(elements, [&](const Element& element) { return element.name == name; });
}

// ---- Processor

/// A model of its own means a custom processor, matched exactly; the other modes have none.
void complete_model(Element& cpu) {
  const std::string mode = text_of(cpu, "mode");
  Element* const model = named(cpu.children, "model");
  if (mode == "host-passthrough" || mode == "maximum" || mode == "host-model") {
    erase_named(cpu.children, "model");
    std::erase_if(cpu.attributes, [](const auto& attribute) { return attribute.first == "match"; });
    return;
  }
  if (model == nullptr || model->text.empty()) {
    erase_named(cpu.children, "model");
    if (named(cpu.children, "feature") != nullptr)
      fail_from(From::Domain, Code::XmlError, "element 'cpu' has features but no model");
    std::erase_if(cpu.attributes, [](const auto& attribute) {
      return attribute.first == "mode" || attribute.first == "match" || attribute.first == "check";
    });
    return;
  }
  std::vector<std::pair<std::string, std::string>> attributes{{"mode", "custom"}, {"match", "exact"}};
  for (auto& [name, value] : cpu.attributes) {
    if (name == "match") attributes[1].second = value;
    if (name != "mode" && name != "match") attributes.emplace_back(name, value);
  }
  cpu.attributes = std::move(attributes);
}

void refuse_repeated_features(Element& cpu) {
  std::set<std::string> seen;
  for (Element& child : cpu.children)
    if (child.name == "feature" && !seen.insert(text_of(child, "name")).second)
      fail_from(From::Domain, Code::XmlError, "feature '", text_of(child, "name"), "' of the cpu is given twice");
}

void number_cells(Element& numa) {
  unsigned number = 0;
  for (Element& cell : numa.children) {
    if (stored_attribute(cell, "id") == nullptr)
      cell.attributes.insert(cell.attributes.begin(), {"id", std::to_string(number)});
    ++number;
  }
}

/// A distance given in one direction only is that of the other, and a cell is 10 away from itself.
void complete_distances(Element& numa) {
  std::map<std::pair<std::string, std::string>, std::string> distances;
  for (Element& cell : numa.children)
    for (Element& list : cell.children)
      for (Element& sibling : list.children)
        distances[{text_of(cell, "id"), text_of(sibling, "id")}] = text_of(sibling, "value");
  if (distances.empty()) return;
  for (const auto& [pair, value] : std::map(distances)) {
    distances.try_emplace({pair.second, pair.first}, value);
    for (const std::string& id : {pair.first, pair.second}) distances.try_emplace({id, id}, "10");
  }
  for (Element& cell : numa.children) {
    Element list{.name = "distances"};
    for (const auto& [pair, value] : distances)
      if (pair.first == text_of(cell, "id"))
        list.children.push_back({.name = "sibling", .attributes = {{"id", pair.second}, {"value", value}}});
    cell.children.clear();
    if (!list.children.empty()) cell.children.push_back(std::move(list));
  }
}

void complete_cpu(std::vector<Element>& others) {
  Element* const cpu = named(others, "cpu");
  if (cpu == nullptr) return;
  complete_model(*cpu);
  refuse_repeated_features(*cpu);
  if (Element* const numa = named(cpu->children, "numa")) {
    number_cells(*numa);
    complete_distances(*numa);
  }
  if (cpu->attributes.empty() && cpu->children.empty()) erase_named(others, "cpu");
}

// ---- Threads for input and output

/// Those with an id are at least as many as the count says; the others get the lowest free ids.
void complete_iothreads(std::vector<Element>& others) {
  Element* const ids = named(others, "iothreadids");
  Element* const count = named(others, "iothreads");
  unsigned wanted = 0;
  if (count != nullptr) {
    const auto number = parse_number<unsigned>(count->text);
    if (!number) fail_from(From::Domain, Code::XmlError, "invalid number of iothreads '", count->text, "'");
    wanted = *number;
  }
  constexpr unsigned kMaxThreads = 10000;  // more are not told apart
  if (ids != nullptr) {
    std::set<std::string> used;
    for (Element& thread : ids->children) used.insert(text_of(thread, "id"));
    for (unsigned id = 1; ids->children.size() < std::min(wanted, kMaxThreads); ++id)
      if (used.insert(std::to_string(id)).second)
        ids->children.push_back({.name = "iothread", .attributes = {{"id", std::to_string(id)}}});
    wanted = std::max(wanted, static_cast<unsigned>(ids->children.size()));
  }
  if (wanted == 0)
    erase_named(others, "iothreads");
  else if (count != nullptr)
    count->text = std::to_string(wanted);
  else
    others.insert(std::find_if(others.begin(), others.end(), [](const Element& e) { return e.name == "iothreadids"; }),
                  {.name = "iothreads", .text = std::to_string(wanted)});
}

// ---- Pins and schedulers

void complete_pins(DomainDefinition& definition) {
  auto& tune = definition.cpu_tune.others;
  std::set<std::string> seen;
  for (Element& pin : tune) {
    if (pin.name != "vcpupin" && pin.name != "iothreadpin") continue;
    const std::string which = pin.name + ' ' + text_of(pin, pin.name == "vcpupin" ? "vcpu" : "iothread");
    if (!seen.insert(which).second) fail_from(From::Domain, Code::InternalError, "'", which, "' is given twice");
  }
  std::erase_if(tune, [&](Element& pin) {
    const std::string vcpu = text_of(pin, "vcpu");
    return pin.name == "vcpupin" && parse_unsigned(vcpu).value_or(0) >= definition.vcpus;
  });
}

/// One element for each processor or thread, in the order of their numbers.
void split_schedulers(std::vector<Element>& tune, std::string_view name, const char* list) {
  std::map<unsigned, Element> single;
  const auto place = std::find_if(tune.begin(), tune.end(), [&](const Element& e) { return e.name == name; });
  if (place == tune.end()) return;
  const auto at = place - tune.begin();
  for (Element& element : tune) {
    if (element.name != name) continue;
    const std::string scheduler = text_of(element, "scheduler");
    if ((scheduler == "fifo" || scheduler == "rr") && stored_attribute(element, "priority") == nullptr)
      fail_from(From::Xml, Code::XmlError, "missing required attribute 'priority' in element '", name, "'");
    for (const unsigned number : cpuset_members(text_of(element, list))) {
      Element one = element;
      set_stored_attribute(one, list, std::to_string(number));
      if (!single.try_emplace(number, std::move(one)).second)
        fail_from(From::Domain, Code::XmlDetail, "the lists of several elements '", name, "' overlap");
    }
  }
  erase_named(tune, name);
  std::vector<Element> sorted;
  for (auto& [number, element] : single) sorted.push_back(std::move(element));
  tune.insert(tune.begin() + at, sorted.begin(), sorted.end());
}

// ---- Firmware tables

constexpr std::string_view kBios[] = {"vendor", "version", "date", "release"};
constexpr std::string_view kSystem[] = {"manufacturer", "product", "version", "serial", "uuid", "sku", "family"};
constexpr std::string_view kBoard[] = {"manufacturer", "product", "version", "serial", "asset", "location"};
constexpr std::string_view kChassis[] = {"manufacturer", "version", "serial", "asset", "sku"};

Names entries_of(std::string_view table) {
  if (table == "bios") return {std::begin(kBios), std::end(kBios)};
  if (table == "system") return {std::begin(kSystem), std::end(kSystem)};
  if (table == "baseBoard") return {std::begin(kBoard), std::end(kBoard)};
  if (table == "chassis") return {std::begin(kChassis), std::end(kChassis)};
  return {};
}

/// The known entries, each once and in their order.
void complete_sysinfo(std::vector<Element>& others, const base::Uuid& uuid) {
  for (Element& sysinfo : others) {
    if (sysinfo.name != "sysinfo") continue;
    for (Element& table : sysinfo.children) {
      const Names names = entries_of(table.name);
      if (names.empty()) continue;
      std::vector<Element> kept;
      for (const std::string_view name : names)
        for (Element& entry : table.children) {
          if (text_of(entry, "name") != name) continue;
          if (name == "uuid") entry.text = base::format_uuid(uuid);
          kept.push_back(std::move(entry));
          break;
        }
      table.children = std::move(kept);
    }
  }
}

void refuse_repeated_events(std::vector<Element>& others) {
  Element* const perf = named(others, "perf");
  if (perf == nullptr) return;
  for (std::size_t i = 1; i < perf->children.size(); ++i)
    if (text_of(perf->children[i], "name") == text_of(perf->children[i - 1], "name"))
      fail_from(From::Domain, Code::XmlError, "perf event '", text_of(perf->children[i], "name"), "' is given twice");
}

}  // namespace

namespace {

/// What is said of a feature that is off means nothing.
void drop_details_of_off(std::vector<Element>& features) {
  for (Element& feature : features) {
    const bool off = text_of(feature, "state") == "off";
    if (off && feature.name == "smm") feature.children.clear();
    if (off && feature.name == "spinlocks") feature.attributes.resize(1);
    if (feature.name == "hyperv") drop_details_of_off(feature.children);
  }
}

}  // namespace

void complete_domain_elements(DomainDefinition& definition) {
  auto& others = definition.others;
  complete_cpu(others);
  complete_iothreads(others);
  complete_pins(definition);
  split_schedulers(definition.cpu_tune.others, "vcpusched", "vcpus");
  split_schedulers(definition.cpu_tune.others, "iothreadsched", "iothreads");
  drop_details_of_off(definition.features.others);
  complete_sysinfo(others, definition.uuid);
  refuse_repeated_events(others);
  if (named(others, "bootloader") == nullptr) erase_named(others, "bootloader_args");
}

}  // namespace domain_xml
