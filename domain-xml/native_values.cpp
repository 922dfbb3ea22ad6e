// Texts, numbers and notes of foreign configurations.
#include "base/error.hpp"
#include "domain-xml/native_parts.hpp"
#include "domain-xml/values.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

constexpr std::size_t kMaxNotes = 1000;
constexpr std::size_t kMaxShownValue = 200;

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

void Conversion::skip(const std::string& origin, const std::string& reason) {
  if (unconverted_.size() >= kMaxNotes)
    ++uncounted_;
  else
    unconverted_.push_back(origin + ": not converted" + (reason.empty() ? "" : ", " + reason));
}

FromNative Conversion::take() {
  if (uncounted_ != 0) unconverted_.push_back("and " + std::to_string(uncounted_) + " more");
  return {std::move(definition), std::move(unconverted_)};
}

std::string origin_of(const std::string& key, const std::string& value) {
  if (value.size() <= kMaxShownValue) return key + " = " + value;
  std::size_t end = kMaxShownValue;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;  // not inside a character
  return key + " = " + value.substr(0, end) + "...";
}

void require_native_text(std::string_view text) {
  if (text.size() > kMaxNativeBytes)
    fail(Code::ConfigUnsupported, "the configuration has ", text.size(), " bytes, more than ", kMaxNativeBytes);
  if (!is_xml_text(text)) fail(Code::InvalidArg, "the configuration holds bytes that are no UTF-8 text");
}

std::uint64_t native_number(const std::string& origin, const std::string& text) {
  const auto value = parse_unsigned(without_blanks(text));
  if (!value) fail(Code::InvalidArg, origin, ": a number is needed");
  return *value;
}

std::int64_t native_signed(const std::string& origin, const std::string& text) {
  const auto value = parse_signed(without_blanks(text));
  if (!value) fail(Code::InvalidArg, origin, ": a number is needed");
  return *value;
}

std::uint64_t native_bytes(const std::string& origin, const std::string& text) {
  std::string_view number = without_blanks(text);
  unsigned shift = 0;
  static constexpr std::string_view kSuffixes = "kmgt";
  if (!number.empty()) {
    const auto suffix = kSuffixes.find(static_cast<char>(number.back() | 0x20));
    if (suffix != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(suffix) + 1);
      number.remove_suffix(1);
    }
  }
  const auto value = parse_unsigned(number);
  if (!value || *value > (UINT64_MAX >> shift)) fail(Code::InvalidArg, origin, ": a size in bytes is needed");
  return *value << shift;
}

std::uint64_t kib_of(std::uint64_t bytes) {
  return std::max<std::uint64_t>(bytes / 1024, bytes == 0 ? 0 : 1);
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> pieces;
  for (const std::string& tabbed : split(text, ' '))
    for (std::string& piece : split(tabbed, '\t')) pieces.push_back(std::move(piece));
  return pieces;
}

}  // namespace domain_xml
