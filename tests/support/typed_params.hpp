// libvirt's typed parameters as values that tests compare.
#pragma once

#include <libvirt/libvirt.h>

#include <map>
#include <string>
#include <variant>

namespace support {

using TypedValue = std::variant<int, unsigned, long long, unsigned long long, double, std::string>;
using TypedValues = std::map<std::string, TypedValue>;

/// By name; one of any other type (boolean) fails the test.
TypedValues typed_values(const virTypedParameter* list, int count);
std::string text_of(const TypedValue& value);

}  // namespace support
