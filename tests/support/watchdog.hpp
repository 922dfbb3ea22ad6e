// Ends a test that hangs: a libvirt call has no limit of its own, and a daemon that never answers would stop the whole
// run. And ends an interrupted run without leaving its daemon and containers behind.
#pragma once

#include "support/deadline.hpp"

namespace support {

/// Watches every test from now on. One that hangs for longer than `limit`, or in a program it runs for half an hour, is
/// named, with what its threads and the daemon's wait for, and loses its daemon (SIGKILL), which makes the pending call
/// fail; if that does not help either, the program ends.
void start_watchdog(Milliseconds limit = std::chrono::minutes(5));

/// On SIGINT, SIGTERM and SIGHUP: destroys what the run started, stops its daemon, and exits.
void clean_up_when_interrupted();

}  // namespace support
