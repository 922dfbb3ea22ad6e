// Going into the background once ready (daemon(7), "SysV daemons"): the first process waits for readiness and reports
// failure.
#pragma once

#include "base/fd.hpp"

namespace driver {

/// In the daemon: the descriptor that announce_ready() writes to. The first process never returns from this call.
base::Fd go_to_background();
/// Standard streams on /dev/null; the waiting first process ends with 0.
void announce_ready(base::Fd ready);

}  // namespace driver
