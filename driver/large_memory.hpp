#pragma once

#include <cstddef>

namespace driver {

/// Memory from this size on is the kernel's again as soon as it is freed (mallopt(3)): what a large answer takes is
/// allocated so, or a part of it stays with whichever thread made it.
inline constexpr std::size_t kLargeMemory = std::size_t{256} * 1024;

}  // namespace driver
