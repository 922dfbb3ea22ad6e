#include "domain-xml/values.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

constexpr std::uint64_t kMaxBytes = (std::uint64_t{1} << 63) - 1;

std::string_view without_leading_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\v\f");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

template <typename Number>
std::optional<Number> parse_digits(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> two_words(const Node& node, const char* attribute, const char* true_word, const char* false_word) {
  const auto text = node.attribute(attribute);
  if (!text) return std::nullopt;
  if (*text == true_word) return true;
  if (*text != false_word) fail_attribute_value(node, attribute, *text);
  return false;
}

}  // namespace

bool contains(Words words, std::string_view text) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return text == word; });
}

void fail_attribute_value(const Node& node, const char* attribute, const std::string& value) {
  fail_from(From::Xml, Code::XmlError, "invalid value for attribute '", attribute, "' in element '", node.name(),
            "': '", value, "'");
}

void fail_attribute_missing(const Node& node, const char* attribute) {
  fail_from(From::Xml, Code::XmlError, "missing required attribute '", attribute, "' in element '", node.name(), "'");
}

std::string word_attribute(const Node& node, const char* attribute, Words words) {
  const auto text = node.attribute(attribute);
  if (!text) return {};
  if (!contains(words, *text)) fail_attribute_value(node, attribute, *text);
  return *text;
}

std::optional<bool> yes_no_attribute(const Node& node, const char* attribute) {
  return two_words(node, attribute, "yes", "no");
}

std::optional<bool> on_off_attribute(const Node& node, const char* attribute) {
  return two_words(node, attribute, "on", "off");
}

std::string required_attribute(const Node& node, const char* attribute) {
  const auto text = node.attribute(attribute);
  if (!text) fail_attribute_missing(node, attribute);
  return *text;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  text = without_leading_blanks(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_digits<std::uint64_t>(text);
}

std::optional<std::int64_t> parse_signed(std::string_view text) {
  text = without_leading_blanks(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return parse_digits<std::int64_t>(text);
}

std::optional<unsigned> unsigned_attribute(const Node& node, const char* attribute) {
  const auto text = node.attribute(attribute);
  if (!text) return std::nullopt;
  const auto value = parse_number<unsigned>(*text);
  if (!value) fail_attribute_value(node, attribute, *text);
  return value;
}

std::uint64_t unit_bytes(std::string_view unit, std::uint64_t default_scale) {
  if (unit.empty()) return default_scale;
  const std::string text(unit);
  const auto is = [&](const char* word) { return ::strcasecmp(text.c_str(), word) == 0; };
  if (is("b") || is("byte") || is("bytes")) return 1;

  static constexpr std::string_view kPrefixes = "kmgtpe";
  const auto prefix = kPrefixes.find(static_cast<char>(text[0] | 0x20));
  const char* rest = text.c_str() + 1;
  const bool decimal = ::strcasecmp(rest, "b") == 0;
  const bool binary = *rest == '\0' || ::strcasecmp(rest, "ib") == 0;
  if (prefix == std::string_view::npos || !(decimal || binary))
    fail_from(From::None, Code::InvalidArg, "unknown unit '", unit, "'");
  std::uint64_t bytes = 1;
  for (std::size_t step = 0; step <= prefix; ++step) bytes *= decimal ? 1000 : 1024;
  return bytes;
}

std::uint64_t scaled_bytes(std::uint64_t value, std::string_view unit, std::uint64_t default_scale) {
  const std::uint64_t scale = unit_bytes(unit, default_scale);
  if (value > kMaxBytes / scale)
    fail_from(From::None, Code::Overflow, "value too large: ", value, unit.empty() ? "" : " ", unit);
  return value * scale;
}

std::optional<std::uint64_t> parse_size_kib(const Node& node, const char* path) {
  const std::string text = node.text();
  if (text.empty()) return std::nullopt;
  const auto value = parse_unsigned(text);
  if (!value) fail_from(From::Xml, Code::XmlError, "invalid value '", text, "' for element '", path, "'");
  const std::uint64_t bytes = scaled_bytes(*value, node.attribute_text("unit"), 1024);
  return bytes / 1024 + (bytes % 1024 != 0 ? 1 : 0);
}

}  // namespace domain_xml
