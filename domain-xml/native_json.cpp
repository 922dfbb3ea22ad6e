#include "domain-xml/native_json.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/native_parts.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

constexpr unsigned kMaxDepth = 64;
constexpr std::size_t kMaxElements = 4096;

void require_depth(json_t* value, unsigned depth) {
  if (depth > kMaxDepth) fail(Code::ConfSyntax, "JSON of more than ", kMaxDepth, " levels");
  std::size_t index = 0;
  const char* name = nullptr;
  json_t* member = nullptr;
  json_array_foreach(value, index, member) require_depth(member, depth + 1);
  json_object_foreach(value, name, member) require_depth(member, depth + 1);
}

/// Escapes can bring characters into a string that no XML document can hold.
void require_text(json_t* value) {
  std::size_t index = 0;
  const char* name = nullptr;
  json_t* member = nullptr;
  if (json_is_string(value) && !is_xml_text(json_string_value(value)))
    fail(Code::InvalidArg, "a string holds a control character: ", format_json(value));
  json_array_foreach(value, index, member) require_text(member);
  json_object_foreach(value, name, member) {
    if (!is_xml_text(name)) fail(Code::InvalidArg, "a name holds a control character");
    require_text(member);
  }
}

/// The format's numbers go up to 2^64, jansson's to 2^63: no limit is that high, so both ends mean none.
std::string clamp_large_integers(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789", kMax = "9223372036854775807";
  std::string clamped;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string && c == '\\' && at + 1 < text.size()) {
      clamped += c;
      clamped += text[++at];
      continue;
    }
    if (c == '"') in_string = !in_string;
    const std::size_t end = std::min(text.find_first_not_of(kDigits, at), text.size());
    if (in_string || end == at) {
      clamped += c;
      continue;
    }
    const std::string_view number = text.substr(at, end - at);
    const bool whole = end == text.size() || std::string_view(".eE").find(text[end]) == std::string_view::npos;
    const bool unsigned_64 = number.size() == 20 ? number <= "18446744073709551615" : number.size() == kMax.size();
    clamped += whole && unsigned_64 && number.front() != '0' && (number.size() == 20 || number > kMax) ? kMax : number;
    at = end - 1;
  }
  return clamped;
}

void rest_of(const std::string& path, json_t* value, const std::function<void(const std::string&)>& found) {
  const char* name = nullptr;
  std::size_t index = 0;
  json_t* member = nullptr;
  if (json_is_object(value)) {
    json_object_foreach(value, name, member) rest_of(path.empty() ? name : path + "." + name, member, found);
  } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
    json_array_foreach(value, index, member) rest_of(path + "[" + std::to_string(index) + "]", member, found);
  } else if (!json_is_array(value) || json_array_size(value) != 0) {
    found(origin_of(path, format_json(value)));
  }
}

}  // namespace

JsonOwner parse_json(std::string_view text) {
  json_error_t error;
  const std::string clamped = clamp_large_integers(text);
  JsonOwner root(json_loadb(clamped.data(), clamped.size(), JSON_REJECT_DUPLICATES, &error));
  if (!root) fail(Code::ConfSyntax, "line ", error.line, ", column ", error.column, ": ", error.text);
  require_depth(root.get(), 0);
  require_text(root.get());
  if (!json_is_object(root.get())) fail(Code::ConfSyntax, "a JSON object is needed");
  return root;
}

std::string format_json(const json_t* value, JsonLayout layout) {
  struct FreeText {
    void operator()(char* text) const noexcept { free(text); }
  };
  const std::unique_ptr<char, FreeText> text(
      json_dumps(value, layout == JsonLayout::OneLine ? JSON_ENCODE_ANY | JSON_COMPACT : JSON_INDENT(2)));
  return text ? text.get() : "";
}

std::string JsonObject::path_of(const char* name) const {
  return path_.empty() ? name : *name == '\0' ? path_ : path_ + "." + name;
}

std::string JsonObject::origin(const char* name) const {
  const json_t* value = *name == '\0' ? object_ : json_object_get(object_, name);
  return value == nullptr ? path_of(name) : origin_of(path_of(name), format_json(value));
}

json_t* JsonObject::find(const char* name, json_type type, const char* wanted) const {
  json_t* value = json_object_get(object_, name);
  if (value == nullptr || json_is_null(value)) return nullptr;
  if (json_typeof(value) != type) fail(Code::InvalidArg, origin(name), ": ", wanted, " is needed");
  return value;
}

std::optional<JsonObject> JsonObject::object(const char* name) const {
  json_t* value = find(name, JSON_OBJECT, "an object");
  if (value == nullptr) return std::nullopt;
  return JsonObject(value, path_of(name));
}

std::vector<JsonObject> JsonObject::objects(const char* name) const {
  json_t* const array = find(name, JSON_ARRAY, "an array");
  std::vector<JsonObject> found;
  if (array == nullptr) return found;
  if (json_array_size(array) > kMaxElements)
    fail(Code::ConfigUnsupported, path_of(name), ": more than ", kMaxElements, " elements");
  std::size_t index = 0;
  json_t* member = nullptr;
  json_array_foreach(array, index, member) {
    if (!json_is_object(member)) fail(Code::InvalidArg, origin(name), ": an array of objects is needed");
    found.emplace_back(member, path_of(name) + "[" + std::to_string(index) + "]");
  }
  return found;
}

std::optional<std::string> JsonObject::take_string(const char* name) {
  const json_t* value = find(name, JSON_STRING, "a string");
  if (value == nullptr) return drop(name), std::nullopt;
  std::string text = json_string_value(value);
  drop(name);
  return text;
}

std::optional<std::int64_t> JsonObject::take_integer(const char* name) {
  const json_t* value = find(name, JSON_INTEGER, "a whole number");
  if (value == nullptr) return drop(name), std::nullopt;
  const std::int64_t number = json_integer_value(value);
  drop(name);
  return number;
}

std::optional<bool> JsonObject::take_bool(const char* name) {
  const json_t* value = json_object_get(object_, name);
  if (value == nullptr || json_is_null(value)) return drop(name), std::nullopt;
  if (!json_is_boolean(value)) fail(Code::InvalidArg, origin(name), ": true or false is needed");
  const bool on = json_is_true(value);
  drop(name);
  return on;
}

std::vector<std::string> JsonObject::take_strings(const char* name) {
  json_t* const array = find(name, JSON_ARRAY, "an array of strings");
  std::vector<std::string> found;
  std::size_t index = 0;
  json_t* member = nullptr;
  json_array_foreach(array, index, member) {
    if (!json_is_string(member)) fail(Code::InvalidArg, origin(name), ": an array of strings is needed");
    found.emplace_back(json_string_value(member));
  }
  drop(name);
  return found;
}

std::vector<std::pair<std::string, std::string>> JsonObject::take_members() {
  std::vector<std::pair<std::string, std::string>> found;
  const char* name = nullptr;
  json_t* member = nullptr;
  json_object_foreach(object_, name, member) {
    if (!json_is_string(member)) fail(Code::InvalidArg, origin(name), ": a string is needed");
    found.emplace_back(name, json_string_value(member));
  }
  drop_all();
  return found;
}

void JsonObject::for_rest(const std::function<void(const std::string&)>& found) const {
  rest_of(path_, object_, found);
}

std::uint64_t unsigned_json(const std::string& origin, std::int64_t value) {
  if (value < 0) fail(Code::InvalidArg, origin, ": may not be negative");
  return static_cast<std::uint64_t>(value);
}

}  // namespace domain_xml
