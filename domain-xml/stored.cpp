#include "domain-xml/stored.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/stored_grammar.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

/// Decimal or, behind 0x, hexadecimal, to 0x and a fixed number of digits.
std::string canonical_hex(const Node& node, const StoredAttribute& rule, const std::string& text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const char* const begin = text.data() + (hex ? 2 : 0);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) fail_attribute_value(node, rule.name.c_str(), text);
  return fmt::format("0x{:0{}x}", value, rule.hex_digits);
}

std::string size_kib(const Node& node, const std::string& value) {
  const auto number = parse_unsigned(value);
  if (!number)
    base::fail_from(base::From::Xml, base::Code::XmlError, "invalid size '", value, "' of element '", node.name(), "'");
  return std::to_string((scaled_bytes(*number, node.attribute_text("unit"), 1024) + 1023) / 1024);
}

void append_size(const Node& node, const StoredAttribute& rule, const std::string& value, Element& element) {
  element.attributes.emplace_back(rule.name, size_kib(node, value));
  element.attributes.emplace_back("unit", "KiB");
}

[[noreturn]] void fail_word(const Node& node, const StoredAttribute& rule, const std::string& value) {
  if (!rule.unsupported) fail_attribute_value(node, rule.name.c_str(), value);
  base::fail_from(base::From::Domain, base::Code::ConfigUnsupported, "unknown ", rule.name, " '", value,
                  "' of element '", node.name(), "'");
}

void parse_stored_attribute(const Node& node, const StoredAttribute& rule, Element& element) {
  if (rule.dropped) return;
  const auto given = node.attribute(rule.name.c_str());
  if (!given && rule.required) fail_attribute_missing(node, rule.name.c_str());
  std::string value = given.value_or(rule.fallback);
  if (value.empty() && (!given || rule.words.empty())) return;
  if (rule.size) {
    append_size(node, rule, value, element);
    return;
  }
  if (rule.zero_is_none && value.find_first_not_of('0') == std::string::npos) return;
  if (rule.hex_digits != 0) value = canonical_hex(node, rule, value);
  if (rule.cpuset) value = canonical_cpuset(value);
  if (rule.number) value = std::to_string(unsigned_attribute(node, rule.name.c_str()).value_or(0));
  if (!rule.words.empty() && std::find(rule.words.begin(), rule.words.end(), value) == rule.words.end())
    fail_word(node, rule, value);
  if (!value.empty()) element.attributes.emplace_back(rule.name, value);
}

bool has_content(const Element& element) {
  return !element.attributes.empty() || !element.text.empty() || !element.children.empty();
}

/// A PCI address of zeros is one yet to be given out.
void drop_unset_pci(Element& address) {
  const auto& attributes = address.attributes;
  const bool set = std::any_of(attributes.begin(), attributes.end(), [](const auto& attribute) {
    return attribute.first != "type" && attribute.first != "multifunction" &&
           attribute.second.find_first_not_of("0x") != std::string::npos;
  });
  if (!set) address.attributes.resize(1);
}

Element parse_address(const Node& node) {
  const std::string type = node.attribute_text("type");
  if (type.empty())
    base::fail_from(base::From::Domain, base::Code::InternalError, "an address of a device has no type");
  const std::string path = "address/" + type;
  if (stored_grammar(path).attributes.empty())
    base::fail_from(base::From::Domain, base::Code::ConfigUnsupported, "unknown address type '", type, "'");
  Element address = parse_stored(node, path);
  if (type == "pci") drop_unset_pci(address);
  return address;
}

/// The rule for `child` of `parent`: that of the parent's type where there is one.
std::string path_of(const Node& parent, const StoredChild& child) {
  if (!child.per_type) return child.path;
  return child.path + '/' + parent.attribute("type").value_or("pty");
}

/// Where the first attribute's value stands among the words of its rule, or its number.
std::uint64_t rank(const Element& element, const StoredAttribute& rule) {
  if (element.attributes.empty()) return 0;
  const std::string& value = element.attributes.front().second;
  const auto word = std::find(rule.words.begin(), rule.words.end(), value);
  if (rule.words.empty()) return parse_unsigned(value).value_or(0);
  return static_cast<std::uint64_t>(word - rule.words.begin());
}

void sort_last(std::vector<Element>& elements, std::size_t count, const std::string& path) {
  const auto& attributes = stored_grammar(path).attributes;
  if (attributes.empty()) return;
  std::stable_sort(
      elements.end() - static_cast<std::ptrdiff_t>(count), elements.end(),
      [&](const Element& a, const Element& b) { return rank(a, attributes.front()) < rank(b, attributes.front()); });
}

Element made_up_element(std::string_view name, const std::string& path) {
  Element element{.name = std::string(name)};
  for (const StoredAttribute& attribute : stored_grammar(path).attributes)
    if (attribute.hex_digits != 0)
      element.attributes.emplace_back(attribute.name, fmt::format("0x{:0{}x}", 0, attribute.hex_digits));
    else if (!attribute.fallback.empty())
      element.attributes.emplace_back(attribute.name, attribute.fallback);
  return element;
}

}  // namespace

Element parse_stored(const Node& node, std::string_view path) {
  if (path == "address") return parse_address(node);
  const StoredGrammar& grammar = stored_grammar(path);
  for (const StoredAttribute& attribute : grammar.attributes)
    if (const auto own = path_of_word(path, attribute, node.attribute_text(attribute.name.c_str())); !own.empty())
      return parse_stored(node, own);
  Element element{.name = node.name()};
  for (const StoredAttribute& attribute : grammar.attributes) parse_stored_attribute(node, attribute, element);
  if (grammar.has_size) {
    element.text = size_kib(node, node.text());
    element.attributes.emplace_back("unit", "KiB");
  } else if (grammar.has_text) {
    element.text = node.text();
  } else {
    element.children = parse_stored_children(node, path);
  }
  return element;
}

void parse_stored_rest(const Node& node, std::string_view path, const char* name, std::vector<Element>& elements) {
  if (!node) return;
  Element rest = parse_stored(node, path);
  rest.name = name;
  if (has_content(rest)) elements.push_back(std::move(rest));
}

std::vector<Element> parse_stored_children(const Node& parent, std::string_view path) {
  std::vector<Element> elements;
  for (const StoredChild& rule : stored_grammar(path).children) {
    if (rule.dropped) continue;
    if (rule.required && !parent.child(rule.name))
      base::fail_from(base::From::Domain, base::Code::XmlError, "element '", parent.name(), "' needs a child '",
                      rule.name, "'");
    const std::string child_path = path_of(parent, rule);
    const std::size_t before = elements.size();
    const auto add = [&](Element element) {
      if (!rule.needs_content || has_content(element)) elements.push_back(std::move(element));
    };
    for (const Node& child : parent.children(rule.name)) {
      Element element = parse_stored(child, child_path);
      if (path == "devices") parse_user_alias(child, element.children);
      add(std::move(element));
      if (!rule.repeats) break;
    }
    if (rule.made_up && !parent.child(rule.name)) add(made_up_element(rule.name, child_path));
    if (rule.sorted) sort_last(elements, elements.size() - before, child_path);
  }
  return elements;
}

std::vector<std::string_view> stored_children(std::string_view path) {
  std::vector<std::string_view> names;
  for (const StoredChild& child : stored_grammar(path).children) names.push_back(child.name);
  return names;
}

void parse_user_alias(const Node& node, std::vector<Element>& elements) {
  const std::string name = node.child("alias").attribute_text("name");
  if (!name.starts_with("ua-")) return;
  const auto address =
      std::find_if(elements.begin(), elements.end(), [](const Element& element) { return element.name == "address"; });
  elements.insert(address, {.name = "alias", .attributes = {{"name", name}}});  // where it is printed
}

std::string driver_alias(const Node& node, const std::vector<Element>& elements) {
  return has_stored(elements, "alias") ? "" : node.child("alias").attribute_text("name");
}

bool has_stored(const std::vector<Element>& elements, std::string_view name) {
  return std::any_of(elements.begin(), elements.end(), [&](const Element& element) { return element.name == name; });
}

void write_stored(Writer& writer, const Element& element) {
  writer.open(element.name);
  for (const auto& [name, value] : element.attributes) writer.attribute(name, value);
  writer.text(element.text);
  for (const Element& child : element.children) write_stored(writer, child);
  writer.close();
}

void write_stored_rest(Writer& writer, const std::vector<Element>& elements, std::string_view name) {
  for (const Element& element : elements) {
    if (element.name != name) continue;
    for (const auto& [key, value] : element.attributes) writer.attribute(key, value);
    for (const Element& child : element.children) write_stored(writer, child);
  }
}

void write_stored_named(Writer& writer, const std::vector<Element>& elements, std::string_view name) {
  for (const Element& element : elements)
    if (element.name == name) write_stored(writer, element);
}

}  // namespace domain_xml
