#include "domain-xml/writer.hpp"

#include <libxml/chvalid.h>
#include <libxml/xmlstring.h>

#include <utility>

namespace domain_xml {

namespace {

enum class Place { Text, Attribute };

/// A carriage return, and in attributes any white space but a blank, would not survive being read again.
void append_escaped(std::string& out, std::string_view value, Place place) {
  for (const char c : value) {
    switch (c) {
      case '&':
        out += "&amp;";
        continue;
      case '<':
        out += "&lt;";
        continue;
      case '>':
        out += "&gt;";
        continue;
      case '"':
        out += "&quot;";
        continue;
      case '\'':
        out += "&apos;";
        continue;
      case '\r':
        out += "&#13;";
        continue;
      case '\n':
      case '\t':
        if (place == Place::Attribute)
          out += c == '\n' ? "&#10;" : "&#9;";
        else
          out += c;
        continue;
      default:
        if (static_cast<unsigned char>(c) >= ' ') out += c;
    }
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
  out_ += name;
  open_.push_back({std::string(name), Content::None});
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
  const Level level = std::move(open_.back());
  open_.pop_back();
  if (level.content == Content::None) {
    out_ += "/>\n";
    return *this;
  }
  if (level.content == Content::Elements) out_.append(open_.size() * 2, ' ');
  out_ += "</";
  out_ += level.name;
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
