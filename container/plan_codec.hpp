// The plan as bytes, for the memfd that carries it to the supervisor; the supervisor reads them through plan_view.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "container/plan.hpp"

namespace container {

/// Throws InvalidArg for a text with an embedded NUL, which no kernel call could carry.
std::string encode_plan(const ContainerPlan& plan);
/// nullopt unless the bytes are exactly one plan of this build's version.
std::optional<ContainerPlan> decode_plan(std::string_view bytes);

}  // namespace container
