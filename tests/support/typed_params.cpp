#include "support/typed_params.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace support {

TypedValues typed_values(const virTypedParameter* list, int count) {
  TypedValues values;
  for (int i = 0; i < count; ++i) {
    const auto& [name, type, value] = list[i];
    switch (type) {
      case VIR_TYPED_PARAM_INT:
        values[name] = value.i;
        break;
      case VIR_TYPED_PARAM_UINT:
        values[name] = value.ui;
        break;
      case VIR_TYPED_PARAM_LLONG:
        values[name] = value.l;
        break;
      case VIR_TYPED_PARAM_ULLONG:
        values[name] = value.ul;
        break;
      case VIR_TYPED_PARAM_DOUBLE:
        values[name] = value.d;
        break;
      case VIR_TYPED_PARAM_STRING:
        values[name] = std::string(value.s);
        break;
      default:
        ADD_FAILURE() << name << " has type " << type;
    }
  }
  return values;
}

std::string text_of(const TypedValue& value) {
  return std::visit(
      [](const auto& plain) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(plain)>, std::string>)
          return plain;
        else
          return std::to_string(plain);
      },
      value);
}

}  // namespace support
