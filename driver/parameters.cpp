#include "driver/parameters.hpp"

#include <algorithm>

namespace driver {
namespace {

constexpr const char* kTypeNames[] = {"", "int", "uint", "llong", "ullong", "double", "boolean", "string"};

}  // namespace

void require_known(const Parameters& parameters, const std::vector<KnownParameter>& known) {
  for (const auto& parameter : parameters) {
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const KnownParameter& one) { return parameter.field == one.name; });
    if (found == known.end()) base::fail(base::Code::InvalidArg, "parameter '", parameter.field, "' not supported");
    const auto type = parameter.value.index() + 1;
    if (type != static_cast<std::size_t>(found->type))
      base::fail(base::Code::InvalidArg, "invalid type '", kTypeNames[type], "' requested for parameter '",
                 parameter.field, "', expected '", kTypeNames[static_cast<std::size_t>(found->type)], "'");
    const auto count = std::count_if(parameters.begin(), parameters.end(),
                                     [&](const auto& other) { return other.field == parameter.field; });
    if (count > 1) base::fail(base::Code::InvalidArg, "parameter '", parameter.field, "' occurs multiple times");
  }
}

std::string numbered(const char* kind, std::size_t number, const char* field) {
  return kind + ('.' + std::to_string(number)) + '.' + field;
}

}  // namespace driver
