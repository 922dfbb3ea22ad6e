// Many small pieces of work on several workers at once.
#pragma once

#include <cstddef>
#include <functional>

#include "driver/domain.hpp"

namespace driver {

/// Calls `work(first, end)` for consecutive parts of [0, count), on this thread and on whatever workers are free;
/// returns when all are done. Never waits for a busy worker. `work` must not throw.
void run_in_parallel(const Services& services, std::size_t count,
                     const std::function<void(std::size_t first, std::size_t end)>& work);

}  // namespace driver
