// Writing side: canonical XML text as libvirt prints it (two spaces per level, single quotes, everything escaped).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace domain_xml {

class Writer {
 public:
  /// Starts an element; attributes may follow until its first child or text.
  Writer& open(std::string_view name);
  Writer& attribute(std::string_view name, std::string_view value);
  Writer& attribute(std::string_view name, std::uint64_t value) { return attribute(name, std::to_string(value)); }
  /// Writes the attribute unless `value` is empty.
  Writer& attribute_if(std::string_view name, std::string_view value);
  template <typename Number>
  Writer& attribute_if(std::string_view name, const std::optional<Number>& value) {
    return value ? attribute(name, std::to_string(*value)) : *this;
  }
  Writer& text(std::string_view value);
  /// Ends the innermost element, as `<name/>` when nothing is in it.
  Writer& close();

  /// `<name>text</name>` on a line of its own.
  Writer& leaf(std::string_view name, std::string_view value) { return open(name).text(value).close(); }
  Writer& leaf(std::string_view name, std::uint64_t value) { return leaf(name, std::to_string(value)); }
  Writer& leaf_if(std::string_view name, std::string_view value) { return value.empty() ? *this : leaf(name, value); }
  /// `<name/>`
  Writer& empty(std::string_view name) { return open(name).close(); }
  /// Lines that are XML already, put as they are.
  Writer& raw(std::string_view lines);

  /// Current nesting, 0 outside the root.
  std::size_t depth() const { return open_.size(); }
  std::string take() { return std::move(out_); }

 private:
  enum class Content { None, Text, Elements };
  /// An open element; its name is where it was written.
  struct Level {
    std::size_t name_at;
    std::size_t name_length;
    Content content;
  };
  void begin_content(Content content);

  std::string out_;
  std::vector<Level> open_;
};

/// True when every character of `text` can stand in an XML 1.0 document and the whole is UTF-8.
bool is_xml_text(std::string_view text);

}  // namespace domain_xml
