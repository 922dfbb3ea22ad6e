#include "domain-xml/stored_grammar.hpp"

#include <algorithm>
#include <map>

#include "domain-xml/stored_rules.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

bool take(std::string_view& rule, char mark) {
  if (!rule.starts_with(mark)) return false;
  rule.remove_prefix(1);
  return true;
}

StoredAttribute parse_attribute(std::string_view rule) {
  StoredAttribute attribute;
  const auto end = std::min(rule.find_first_of("#%+^~$/!?=:"), rule.size());
  attribute.name = rule.substr(0, end);
  rule.remove_prefix(end);
  if (take(rule, '#')) {
    attribute.hex_digits = static_cast<unsigned>(rule[0] - '0');
    rule.remove_prefix(1);
  }
  attribute.cpuset = take(rule, '%');
  attribute.number = take(rule, '+');
  attribute.zero_is_none = take(rule, '^');
  attribute.size = take(rule, '~');
  attribute.dropped = take(rule, '$');
  attribute.selects = take(rule, '/');
  attribute.required = take(rule, '!');
  attribute.unsupported = take(rule, '?');
  if (take(rule, ':')) {
    const auto words_at = std::min(rule.find('='), rule.size());
    attribute.fallback = rule.substr(0, words_at);
    rule.remove_prefix(words_at);
  }
  if (take(rule, '=')) attribute.words = split<std::string_view>(rule, '|');
  return attribute;
}

StoredChild parse_child(std::string_view rule, std::string_view parent) {
  StoredChild child;
  const auto at = rule.find('@');
  if (at != std::string_view::npos) child.path = rule.substr(at + 1);
  child.name = rule.substr(0, at);
  const auto marks_at = std::min(child.name.find_first_of("*?!<+&$"), child.name.size());
  for (const char mark : child.name.substr(marks_at)) {
    child.repeats |= mark == '*' || mark == '<';
    child.sorted |= mark == '<';
    child.needs_content |= mark == '?';
    child.required |= mark == '!';
    child.made_up |= mark == '+';
    child.dropped |= mark == '$';
    child.per_type |= mark == '&';
  }
  child.name = child.name.substr(0, marks_at);
  if (child.path.empty()) child.path = std::string(parent) + '/' + std::string(child.name);
  return child;
}

StoredGrammar parse_rule(const StoredRule& rule) {
  StoredGrammar grammar;
  for (const std::string_view word : split<std::string_view>(rule.attributes, ' '))
    grammar.attributes.push_back(parse_attribute(word));
  grammar.has_size = rule.children == "#KiB";
  grammar.has_text = grammar.has_size || rule.children == "#";
  if (grammar.has_text) return grammar;
  for (const std::string_view word : split<std::string_view>(rule.children, ' '))
    grammar.children.push_back(parse_child(word, rule.path));
  return grammar;
}

std::map<std::string_view, StoredGrammar> parse_rules() {
  std::map<std::string_view, StoredGrammar> grammars;
  for (const StoredRule& rule : kStoredRules) grammars.emplace(rule.path, parse_rule(rule));
  return grammars;
}

/// Taken apart once, because a document may have as many elements as it likes.
const std::map<std::string_view, StoredGrammar>& grammars() {
  static const auto kGrammars = parse_rules();
  return kGrammars;
}

}  // namespace

const StoredGrammar& stored_grammar(std::string_view path) {
  static const StoredGrammar kNothing;
  const auto found = grammars().find(path);
  return found == grammars().end() ? kNothing : found->second;
}

bool has_stored_grammar(std::string_view path) {
  return grammars().contains(path);
}

std::string path_of_word(std::string_view path, const StoredAttribute& attribute, std::string_view word) {
  if (!attribute.selects) return {};
  std::string own = std::string(path) + '/' + std::string(word);
  return has_stored_grammar(own) ? own : std::string();
}

}  // namespace domain_xml
