// JSON that is taken apart: a member that was read is gone, so what is left at the end is what nobody asked for.
// A view knows its path, "linux.resources.memory", and wrong types are InvalidArg naming it.
#pragma once

#include <jansson.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace domain_xml {

struct FreeJson {
  void operator()(json_t* value) const noexcept { json_decref(value); }
};
using JsonOwner = std::unique_ptr<json_t, FreeJson>;

/// What whole numbers from 2^63 on are read as.
constexpr std::int64_t kMaxJsonInteger = INT64_MAX;

/// ConfSyntax for no JSON object, a name given twice, or more than 64 levels.
JsonOwner parse_json(std::string_view text);
enum class JsonLayout { OneLine, Indented };
std::string format_json(const json_t* value, JsonLayout layout = JsonLayout::OneLine);

class JsonObject {
 public:
  JsonObject(json_t* object, std::string path) : object_(object), path_(std::move(path)) {}

  /// "path = value", the whole object when `name` is empty: what notes and errors begin with.
  std::string origin(const char* name = "") const;
  bool has(const char* name) const { return json_object_get(object_, name) != nullptr; }

  /// These stay in place, for their own members to be taken; empty when absent.
  std::optional<JsonObject> object(const char* name) const;
  std::vector<JsonObject> objects(const char* name) const;

  std::optional<std::string> take_string(const char* name);
  std::optional<std::int64_t> take_integer(const char* name);
  std::optional<bool> take_bool(const char* name);
  std::vector<std::string> take_strings(const char* name);
  /// Every member, all of them strings.
  std::vector<std::pair<std::string, std::string>> take_members();
  /// Without looking at it.
  void drop(const char* name) { json_object_del(object_, name); }
  void drop_all() { json_object_clear(object_); }

  /// Calls `found` with "path = value" of everything left.
  void for_rest(const std::function<void(const std::string& origin)>& found) const;

 private:
  json_t* find(const char* name, json_type type, const char* wanted) const;
  std::string path_of(const char* name) const;

  json_t* object_;
  std::string path_;
};

/// 0 and more; InvalidArg naming `origin` otherwise.
std::uint64_t unsigned_json(const std::string& origin, std::int64_t value);

}  // namespace domain_xml
