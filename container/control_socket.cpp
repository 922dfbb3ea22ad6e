#include "container/control_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "container/channel.hpp"

namespace container {
namespace {

using base::Code;
using protocol::Type;

/// Everything a failed send can mean here is that the other side has gone, except being told too much at once.
bool send_or_gone(int socket, const void* data, std::size_t size, const std::vector<int>& fds) {
  if (send_packet(socket, data, size, fds.data(), static_cast<int>(fds.size()), 0)) return true;
  if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return false;
  base::fail_errno(Code::InternalError, "cannot send to the supervisor");
}

/// Copies as much as both sides know of: a supervisor of another build may send more or less.
template <typename Message>
void copy_known(Message& into, const char* from, std::size_t size) {
  std::memcpy(&into, from, std::min(size, sizeof into));
}

void terminate_texts(ControlMessage& message) {
  for (auto& path : message.status.console_paths) path[sizeof path - 1] = '\0';
  message.status.consoles = std::min(message.status.consoles, protocol::kMaxConsoles);
  message.status.created_size =
      std::min(message.status.created_size, static_cast<std::uint32_t>(sizeof message.status.created));
  message.failed.step[sizeof message.failed.step - 1] = '\0';
  message.failed.object[sizeof message.failed.object - 1] = '\0';
}

std::uint32_t add_files(std::vector<int>& fds, const std::vector<base::Fd>& files) {
  for (const auto& file : files) fds.push_back(file.get());
  return static_cast<std::uint32_t>(files.size());
}

std::uint32_t add_if_there(std::vector<int>& fds, int fd) {
  if (fd < 0) return 0;
  fds.push_back(fd);
  return 1;
}

struct SocketAddress {
  base::Fd directory;  // the path goes through it, so it must stay open
  sockaddr_un address{};
};

SocketAddress address_in(const std::string& directory, const std::string& name) {
  SocketAddress result{base::open_file(directory, O_PATH | O_DIRECTORY)};
  result.address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(result.directory.get()) + "/" + name;
  if (path.size() >= sizeof result.address.sun_path)
    base::fail_errno_value(ENAMETOOLONG, Code::SystemError, "cannot use socket '", directory, "/", name, "'");
  std::memcpy(result.address.sun_path, path.c_str(), path.size() + 1);
  return result;
}

base::Fd seqpacket_socket(int flags = 0) {
  base::Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd) base::fail_errno(Code::SystemError, "cannot make a socket");
  return fd;
}

/// False with errno.
bool connected(const base::Fd& fd, const SocketAddress& place) {
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), sizeof place.address) == 0;
}

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

bool ControlSocket::send(Type type, std::uint32_t number, int attached_fd) {
  const protocol::Header header = make_header(type, sizeof header, number);
  std::vector<int> fds;
  if (attached_fd >= 0) fds.push_back(attached_fd);
  return send_or_gone(fd_.get(), &header, sizeof header, fds);
}

bool ControlSocket::send_start(const Start& start) {
  protocol::StartMessage message{};
  message.header = make_header(Type::Start, sizeof message);
  message.plan_size = start.plan_size;
  std::vector<int> fds = {start.plan, start.log, start.listener};
  message.has_v2_directory = add_if_there(fds, start.v2_payload);
  message.has_empty_root = add_if_there(fds, start.empty_root);
  message.shared_namespaces = add_files(fds, start.shared_namespaces);
  message.first_files = add_files(fds, start.tasks);
  message.images = add_files(fds, start.images);
  message.given = add_files(fds, start.given);
  return send_or_gone(fd_.get(), &message, sizeof message, fds);
}

bool ControlSocket::send_attach(const std::vector<base::Fd>& supervisor, const std::vector<base::Fd>& payload) {
  std::vector<int> fds;
  const std::uint32_t own = add_files(fds, supervisor);
  add_files(fds, payload);
  const protocol::Header header = make_header(Type::Attach, sizeof header, own);
  return send_or_gone(fd_.get(), &header, sizeof header, fds);
}

ControlMessage ControlSocket::receive_now() {
  std::array<char, std::max(sizeof(protocol::StatusMessage), sizeof(protocol::FailedMessage)) + 256> buffer{};
  Received received;
  receive_packet(fd_.get(), buffer.data(), buffer.size(), received, MSG_DONTWAIT);
  ControlMessage message;
  for (int i = 0; i < received.fd_count; ++i) message.fds.emplace_back(received.fds[i]);
  if (received.size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return message;
  if (received.size < static_cast<ssize_t>(sizeof(protocol::Header))) {
    message.kind = ControlMessage::Kind::HangUp;
    message.error = received.size < 0 ? errno : 0;
    return message;
  }
  protocol::Header header;
  std::memcpy(&header, buffer.data(), sizeof header);
  message.kind = ControlMessage::Kind::Packet;
  message.type = header.type;
  const auto size = static_cast<std::size_t>(received.size);
  if (header.type == Type::Failed)
    copy_known(message.failed, buffer.data(), size);
  else
    copy_known(message.status, buffer.data(), size);
  terminate_texts(message);
  return message;
}

ControlMessage ControlSocket::receive(Deadline deadline) {
  while (true) {
    auto message = receive_now();
    if (message.kind != ControlMessage::Kind::Nothing) return message;
    pollfd ready{fd_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, milliseconds_until(deadline));
    if (count < 0 && errno != EINTR) base::fail_errno(Code::SystemError, "cannot wait for the supervisor");
    if (count == 0) return message;
  }
}

base::Fd listen_at(const std::string& directory, const std::string& name) {
  const auto place = address_in(directory, name);
  if (::unlinkat(place.directory.get(), name.c_str(), 0) < 0 && errno != ENOENT)
    base::fail_errno(Code::SystemError, "cannot remove stale socket '", directory, "/", name, "'");
  base::Fd fd = seqpacket_socket();
  // Before bind, because the umask belongs to the whole process: the file takes its mode from the socket (unix(7)).
  ::fchmod(fd.get(), 0700);
  const bool bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), sizeof place.address) == 0;
  if (bound && ::listen(fd.get(), 16) == 0) return fd;
  const int error = errno;
  if (bound) ::unlinkat(place.directory.get(), name.c_str(), 0);
  base::fail_errno_value(error, Code::SystemError, "cannot listen at '", directory, "/", name, "'");
}

base::Fd connect_to(const std::string& directory, const std::string& name, std::chrono::seconds limit) {
  const auto place = address_in(directory, name);
  base::Fd fd = seqpacket_socket();
  // A full backlog makes connect wait; a supervisor that no longer accepts must not hold the daemon up for good
  // (unix(7)).
  const timeval most{limit.count(), 0}, none{};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
  if (!connected(fd, place)) {
    if (errno == ENOENT || errno == ECONNREFUSED) return {};
    base::fail_errno_value(errno == EAGAIN ? ETIMEDOUT : errno, Code::SystemError, "cannot connect to socket '",
                           directory, "/", name, "'");
  }
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
  return fd;
}

bool is_deserted(const std::string& directory, const std::string& name) {
  return !connected(seqpacket_socket(SOCK_NONBLOCK), address_in(directory, name)) && errno == ECONNREFUSED;
}

base::Error start_failure(const protocol::FailedMessage& failed) {
  std::string text = std::string("guest failed to start: cannot ") + failed.step;
  if (failed.object[0]) text += std::string(" '") + failed.object + "'";
  if (std::strcmp(failed.step, "idmap mount") == 0)
    text +=
        ", whose file system may not be able to shift ids: give its files to the container's ids, or the domain "
        "the host's (<lxcell:idmap mode='none'/>)";
  return base::Error(Code::InternalError, base::From::Lxc, text, failed.error);
}

}  // namespace container
