// Ends a test that hangs: a libvirt call has no limit of its own, and a daemon that never answers would stop the whole
// run. And ends an interrupted run without leaving its daemon and containers behind.
#pragma once

namespace support {

/// Watches every test from now on. One that hangs for minutes, in a call or in a program it runs, loses its daemon
/// (SIGKILL), which makes the pending call fail; if that does not help either, the program ends.
void start_watchdog();

/// On SIGINT, SIGTERM and SIGHUP: destroys what the run started, stops its daemon, and exits.
void clean_up_when_interrupted();

}  // namespace support
