#include "domain-xml/writer.hpp"

#include <libxml/chvalid.h>
#include <libxml/xmlstring.h>

#include <algorithm>
#include <array>
#include <optional>

namespace domain_xml {

namespace {

enum class Place { Text, Attribute };

/// What stands for `c`; nullopt where it stands for itself. A carriage return, and in attributes any white space but a
/// blank, would not survive being read again; other control characters cannot stand in a document.
constexpr std::optional<std::string_view> escape_of(char c, Place place) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&apos;";
    case '\r':
      return "&#13;";
    case '\n':
      return place == Place::Attribute ? std::optional<std::string_view>("&#10;") : std::nullopt;
    case '\t':
      return place == Place::Attribute ? std::optional<std::string_view>("&#9;") : std::nullopt;
    default:
      return static_cast<unsigned char>(c) < ' ' ? std::optional<std::string_view>("") : std::nullopt;
  }
}

/// Whether a byte may have to be written in another way, by its value.
constexpr auto kSpecial = [] {
  std::array<bool, 256> special{};
  for (int byte = 0; byte < 256; ++byte)
    special[byte] = escape_of(static_cast<char>(byte), Place::Attribute).has_value();
  return special;
}();

void append_escaped(std::string& out, std::string_view value, Place place) {
  const auto special = [](char c) { return kSpecial[static_cast<unsigned char>(c)]; };
  while (true) {
    const auto plain = static_cast<std::size_t>(std::ranges::find_if(value, special) - value.begin());
    out += value.substr(0, plain);
    if (plain == value.size()) return;
    if (const auto escape = escape_of(value[plain], place))
      out += *escape;
    else
      out += value[plain];
    value.remove_prefix(plain + 1);
  }
}

}  // namespace

void Writer::begin_content(Content content) {
  if (open_.empty()) return;
  Level& level = open_.back();
  if (level.content == Content::None) out_ += content == Content::Elements ? ">\n" : ">";
  level.content = content;
}

Writer& Writer::open(std::string_view name) {
  begin_content(Content::Elements);
  out_.append(open_.size() * 2, ' ');
  out_ += '<';
  open_.push_back({out_.size(), name.size(), Content::None});
  out_ += name;
  return *this;
}

Writer& Writer::attribute(std::string_view name, std::string_view value) {
  out_ += ' ';
  out_ += name;
  out_ += "='";
  append_escaped(out_, value, Place::Attribute);
  out_ += '\'';
  return *this;
}

Writer& Writer::attribute_if(std::string_view name, std::string_view value) {
  return value.empty() ? *this : attribute(name, value);
}

Writer& Writer::text(std::string_view value) {
  if (value.empty()) return *this;
  begin_content(Content::Text);
  append_escaped(out_, value, Place::Text);
  return *this;
}

Writer& Writer::close() {
  const Level level = open_.back();
  open_.pop_back();
  if (level.content == Content::None) {
    out_ += "/>\n";
    return *this;
  }
  if (level.content == Content::Elements) out_.append(open_.size() * 2, ' ');
  out_ += "</";
  out_.append(out_, level.name_at, level.name_length);
  out_ += ">\n";
  return *this;
}

Writer& Writer::raw(std::string_view lines) {
  begin_content(Content::Elements);
  out_ += lines;
  return *this;
}

bool is_xml_text(std::string_view text) {
  const auto* bytes = reinterpret_cast<const xmlChar*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    int length = static_cast<int>(std::min<std::size_t>(text.size() - at, 4));
    const int character = xmlGetUTF8Char(bytes + at, &length);
    if (character < 0 || !xmlIsCharQ(static_cast<unsigned>(character))) return false;
    // libxml2 takes a stray continuation byte, and more bytes than a character needs.
    static constexpr int kFirstOfLength[] = {0, 0, 0x80, 0x800, 0x10000};
    if ((bytes[at] & 0xc0) == 0x80 || character < kFirstOfLength[length]) return false;
    at += static_cast<std::size_t>(length);
  }
  return true;
}

}  // namespace domain_xml
