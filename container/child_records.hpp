// What init and its builder say to the supervisor before exec, and what they wait for. Both hold the same end of the
// socket; what arrives there is read by one of them at a time.
#pragma once

#include "container/channel.hpp"

namespace container {

/// The descriptor is used from then on; failures and made mount points are reported there.
void report_to_supervisor(int socket);
int supervisor_socket();
/// The same end of the socket under another number.
void supervisor_socket_moved(int socket);

/// Mostly a failed send means that the supervisor is gone, and with it our reason to be.
void send_record(Record kind, const char* step, const char* object, int error, const int* fds = nullptr,
                 int fd_count = 0);
/// Ends the process if anything else comes. Valid until the next call.
const Received& wait_for(int socket, char word);

/// Ends with the supervisor, and now if it is gone already. Where exec changes the AppArmor profile the kernel forgets
/// this (prctl(2)): then it is the daemon that ends an init whose supervisor is gone, at once or when it comes back.
void tie_to_supervisor(const char* name);

}  // namespace container
