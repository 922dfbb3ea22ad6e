// Typed parameters as a client gives them: which are known, of which type, and within which range.
#pragma once

#include <libvirt/libvirt.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "rpc/protocol.hpp"

namespace driver {

using Parameters = std::vector<rpc::TypedParam>;

enum class ParameterType { Int = VIR_TYPED_PARAM_INT, Uint, Llong, Ullong, Double, Boolean, String };

struct KnownParameter {
  const char* name;
  ParameterType type;
};

/// Throws InvalidArg naming a parameter that is not known, of another type, or given twice.
void require_known(const Parameters& parameters, const std::vector<KnownParameter>& known);

/// nullptr when it is not given.
template <typename Value>
const Value* find_parameter(const Parameters& parameters, const char* name) {
  for (const auto& parameter : parameters)
    if (parameter.field == name) return std::get_if<Value>(&parameter.value);
  return nullptr;
}

/// "net.0.name": a field of one object among several in the same answer.
std::string numbered(const char* kind, std::size_t number, const char* field);

template <typename Value>
void require_range(const char* name, Value value, Value low, Value high) {
  if (value < low || value > high)
    base::fail(base::Code::InvalidArg, "value of '", name, "' is out of range [", low, ", ", high, "]");
}

}  // namespace driver
