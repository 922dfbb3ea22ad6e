// How the supervisor and its child end when a step fails: nothing unwinds, the first cause is told and the process is
// over.
#pragma once

#include <cerrno>

namespace container {

/// `step` says what was tried ("mount"), `object` the path or name it was about, `error` the errno (0 if none).
using FailureSink = void (*)(const char* step, const char* object, int error);

/// Set by main, and again by the child after clone. Must not return.
void set_failure_sink(FailureSink sink);
[[noreturn]] void give_up(const char* step, const char* object, int error = errno);

}  // namespace container
