#include "container/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace container {

bool send_packet(int socket, const void* data, std::size_t size, const int* fds, int fd_count, int flags) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 2 * protocol::kMaxConsoles)] = {};
  iovec part = {const_cast<void*>(data), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd_count > 0) {
    const std::size_t bytes = sizeof(int) * static_cast<std::size_t>(fd_count);
    if (CMSG_SPACE(bytes) > sizeof control) {
      errno = E2BIG;
      return false;
    }
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), fds, bytes);
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

void receive_packet(int socket, void* buffer, std::size_t capacity, Received& received, int flags) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketFds)];
  iovec part = {buffer, capacity};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  received.fd_count = 0;
  // ECONNRESET, said once: the other side has ended without reading everything. What it said before comes after that.
  do {
    received.size = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (received.size < 0 && (errno == EINTR || errno == ECONNRESET));
  if (received.size < 0) return;
  // One header at most: the sockets have no other option set that would add one.
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return;
  received.fd_count = static_cast<int>((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  std::memcpy(received.fds, CMSG_DATA(header), sizeof(int) * static_cast<std::size_t>(received.fd_count));
}

bool from_newer_build(const protocol::Header& header) {
  return header.version > protocol::kVersion;
}

protocol::Header make_header(protocol::Type type, std::size_t whole_size, std::uint32_t number) {
  return {type, protocol::kVersion, number, static_cast<std::uint32_t>(whole_size - sizeof(protocol::Header))};
}

}  // namespace container
