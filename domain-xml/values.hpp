// Text of attributes and elements to values, each refusal with the code libvirt uses: words, numbers, sizes, yes and
// no.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain-xml/node.hpp"

namespace domain_xml {

/// One spelling of an enumerator.
template <typename Enum>
struct Word {
  Enum value;
  const char* text;
};

template <typename Enum, std::size_t count>
std::optional<Enum> find_word(const Word<Enum> (&words)[count], std::string_view text) {
  for (const auto& word : words)
    if (text == word.text) return word.value;
  return std::nullopt;
}

template <typename Enum, std::size_t count>
const char* word_for(const Word<Enum> (&words)[count], Enum value) {
  for (const auto& word : words)
    if (word.value == value) return word.text;
  return "";
}

/// A list of words where the word itself is the value.
using Words = std::span<const char* const>;
bool contains(Words words, std::string_view text);

/// XmlError from the XML layer, naming attribute, element and value.
[[noreturn]] void fail_attribute_value(const Node& node, const char* attribute, const std::string& value);
[[noreturn]] void fail_attribute_missing(const Node& node, const char* attribute);

template <typename Enum, std::size_t count>
Enum word_attribute(const Node& node, const char* attribute, const Word<Enum> (&words)[count], Enum fallback) {
  const auto text = node.attribute(attribute);
  if (!text) return fallback;
  const auto value = find_word(words, *text);
  if (!value) fail_attribute_value(node, attribute, *text);
  return *value;
}

/// The attribute if it is one of `words`, empty when absent; anything else is refused.
std::string word_attribute(const Node& node, const char* attribute, Words words);
/// "yes" or "no", and the pair "on" or "off".
std::optional<bool> yes_no_attribute(const Node& node, const char* attribute);
std::optional<bool> on_off_attribute(const Node& node, const char* attribute);
std::string required_attribute(const Node& node, const char* attribute);

/// The pieces between separators, empty ones left out: copies, or views into `text`.
template <typename Piece = std::string>
std::vector<Piece> split(std::string_view text, char separator) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end != 0) pieces.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pieces;
}

/// Decimal digits only (leading blanks and one sign allowed, as libvirt does), in range; nullopt otherwise.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
std::optional<std::int64_t> parse_signed(std::string_view text);
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  const auto value = parse_unsigned(text);
  if (!value || *value > static_cast<std::uint64_t>(static_cast<Number>(-1))) return std::nullopt;
  return static_cast<Number>(*value);
}
/// An unsigned attribute, nullopt when absent; anything that is no number is refused.
std::optional<unsigned> unsigned_attribute(const Node& node, const char* attribute);

/// Bytes in one `unit` ("" means `default_scale`); InvalidArg for an unknown one.
std::uint64_t unit_bytes(std::string_view unit, std::uint64_t default_scale);
/// `value` of `unit` in bytes; Overflow from 2^63 on.
std::uint64_t scaled_bytes(std::uint64_t value, std::string_view unit, std::uint64_t default_scale);
/// A size element such as `<memory unit='MB'>`, in KiB rounded up; nullopt when absent or empty. `path` names it in
/// errors.
std::optional<std::uint64_t> parse_size_kib(const Node& node, const char* path);

}  // namespace domain_xml
