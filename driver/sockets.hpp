// The daemon's listening sockets: systemd's when it was socket-activated (sd_listen_fds(3)), else made here with mode
// and group.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "driver/config.hpp"
#include "driver/paths.hpp"

namespace driver {

struct Sockets {
  base::Fd read_write, read_only, admin;
};

Sockets open_sockets(const Paths& paths, const Config& config);
/// Removes the socket files unless systemd owns them.
void remove_sockets(const Paths& paths) noexcept;
bool socket_activated();

}  // namespace driver
