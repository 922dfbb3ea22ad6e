// Packets with descriptors over SOCK_SEQPACKET: the control socket (supervisor_protocol.hpp), and the private one
// between the supervisor and its child until exec, whose close-on-exec end says that init runs.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "container/supervisor_protocol.hpp"

namespace container {

constexpr int kMaxPacketFds = 253;  // SCM_MAX_FD, unix(7)

/// Child → supervisor, before exec.
enum class Record : std::uint32_t {
  Network,    // fds: as in protocol::Type::NetworkReady
  Created,    // object: a mount target that had to be made in the image
  Consoles,   // fds: the masters, then the slaves, in console order
  Executing,  // everything is set up; what follows is exec's failure or end of file
  Failed,
};

struct ChildRecord {
  Record record;
  std::int32_t error;
  char step[64];
  char object[4096];  // only the used part is sent
};

/// Supervisor → child, the last to init, the others to whoever makes its mounts, in this order: one byte each.
constexpr char kAttach = 'C';   // fds: /dev, the mounts of the cgroups, the files to join them by
constexpr char kOwnView = 'V';  // only if the plan has one; fd: its file system, none where it cannot be made
constexpr char kNetworkDone = 'N';

struct Received {
  ssize_t size = 0;  // as recvmsg(2) gives it
  int fd_count = 0;
  int fds[kMaxPacketFds];
};

/// Never raises SIGPIPE; `flags` as MSG_DONTWAIT.
bool send_packet(int socket, const void* data, std::size_t size, const int* fds, int fd_count, int flags);
void receive_packet(int socket, void* buffer, std::size_t capacity, Received& received, int flags);

bool from_newer_build(const protocol::Header& header);
protocol::Header make_header(protocol::Type type, std::size_t whole_size, std::uint32_t number = 0);

}  // namespace container
