// Waiting without fixed sleeps: every wait in the suite names what it waits for and has a generous limit, which
// LXCELL_TEST_TIME_SCALE multiplies on slow machines.
#pragma once

#include <chrono>
#include <functional>

namespace support {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

/// LXCELL_TEST_TIME_SCALE, 1 when unset.
double time_scale();
/// `time` on the reference machine, stretched for this one.
Milliseconds scaled(Milliseconds time);
/// How long anything may take before the test gives up.
Milliseconds patience();

/// Asks `condition` every millisecond or two until it holds; false when `limit` passed first.
bool eventually(const std::function<bool()>& condition, Milliseconds limit = patience());

/// Milliseconds that `call` took.
double milliseconds_of(const std::function<void()>& call);

}  // namespace support
