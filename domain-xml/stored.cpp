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

void parse_stored_attribute(const Node& node, const StoredAttribute& rule, Element& element) {
  const auto given = node.attribute(rule.name.c_str());
  if (!given && rule.required) fail_attribute_missing(node, rule.name.c_str());
  std::string value = given.value_or(rule.fallback);
  if (value.empty()) return;
  if (rule.hex_digits != 0) value = canonical_hex(node, rule, value);
  if (rule.cpuset) value = canonical_cpuset(value);
  if (rule.number) value = std::to_string(unsigned_attribute(node, rule.name.c_str()).value_or(0));
  if (!rule.words.empty() && std::find(rule.words.begin(), rule.words.end(), value) == rule.words.end())
    fail_attribute_value(node, rule.name.c_str(), value);
  if (!value.empty()) element.attributes.emplace_back(rule.name, value);
}

bool has_content(const Element& element) {
  return !element.attributes.empty() || !element.text.empty() || !element.children.empty();
}

Element parse_address(const Node& node) {
  const std::string type = required_attribute(node, "type");
  const std::string path = "address/" + type;
  if (stored_grammar(path).attributes.empty())
    base::fail_from(base::From::Domain, base::Code::ConfigUnsupported, "unknown address type '", type, "'");
  return parse_stored(node, path);
}

}  // namespace

Element parse_stored(const Node& node, std::string_view path) {
  if (path == "address") return parse_address(node);
  const StoredGrammar grammar = stored_grammar(path);
  Element element{.name = node.name()};
  for (const StoredAttribute& attribute : grammar.attributes) parse_stored_attribute(node, attribute, element);
  if (grammar.has_text)
    element.text = node.text();
  else
    element.children = parse_stored_children(node, path);
  return element;
}

std::vector<Element> parse_stored_children(const Node& parent, std::string_view path) {
  std::vector<Element> elements;
  for (const StoredChild& rule : stored_grammar(path).children) {
    if (rule.required && !parent.child(rule.name))
      base::fail_from(base::From::Domain, base::Code::XmlError, "element '", parent.name(), "' needs a child '",
                      rule.name, "'");
    for (const Node& child : parent.children(rule.name)) {
      Element element = parse_stored(child, rule.path);
      if (!rule.needs_content || has_content(element)) elements.push_back(std::move(element));
      if (!rule.repeats) break;
    }
  }
  return elements;
}

std::vector<std::string_view> stored_children(std::string_view path) {
  std::vector<std::string_view> names;
  for (const StoredChild& child : stored_grammar(path).children) names.push_back(child.name);
  return names;
}

void write_stored(Writer& writer, const Element& element) {
  writer.open(element.name);
  for (const auto& [name, value] : element.attributes) writer.attribute(name, value);
  writer.text(element.text);
  for (const Element& child : element.children) write_stored(writer, child);
  writer.close();
}

void write_stored_named(Writer& writer, const std::vector<Element>& elements, std::string_view name) {
  for (const Element& element : elements)
    if (element.name == name) write_stored(writer, element);
}

}  // namespace domain_xml
