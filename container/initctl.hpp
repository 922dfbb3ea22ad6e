// sysvinit's request pipe inside a container: how a runlevel is asked for where init listens to it (systemd does too).
#pragma once

#include "base/pid_fd.hpp"

namespace container {

/// Writes a request for `runlevel` to the first FIFO of /run/initctl, /dev/initctl and /etc/.initctl beneath init's
/// root that somebody reads. Never follows a link, never opens anything but a FIFO, never the host's own. False if
/// there is none.
bool write_runlevel(const base::PidFd& init, char runlevel);

}  // namespace container
