// Ends a test that hangs: a libvirt call has no limit of its own, and a daemon that never answers would stop the whole
// run.
#pragma once

namespace support {

/// Watches every test from now on. One that takes several minutes loses its daemon (SIGKILL), which makes the pending
/// call fail; if that does not help either, the program ends.
void start_watchdog();

/// On SIGINT, SIGTERM and SIGHUP: destroys what the run started, stops its daemon, and exits.
void clean_up_when_interrupted();

}  // namespace support
