#include "rpc/client_connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.hpp"
#include "base/memory_reserve.hpp"
#include "rpc/error_message.hpp"

namespace rpc {
namespace {

// Above this the client is not read until it reads us; its calls then wait in its own socket.
constexpr std::size_t kOutputHighWater = 1u << 20;
constexpr std::uint32_t kEventSerial = 1;

// One turn's: a burst of short calls takes no longer than others can wait for.
constexpr unsigned kPacketsPerTurn = 16;

// What a client may make the daemon keep before it is known, and where it can only ask questions.
constexpr std::size_t kMaxAnonymousPacketBytes = 64 * 1024;
constexpr std::size_t kMaxReadOnlyPacketBytes = 256 * 1024;

PacketHeader keepalive_header(std::int32_t procedure) {
  PacketHeader header;
  header.program = kKeepaliveProgram;
  header.procedure = procedure;
  header.type = static_cast<std::int32_t>(NetMessageType::Message);
  return header;
}

constexpr std::int32_t kPing = 1;
constexpr std::int32_t kPong = 2;

bool is_call(const PacketHeader& header) {
  return header.is(NetMessageType::Call) || header.is(NetMessageType::CallWithFds);
}

/// One recvmsg(2). The descriptor that came with the bytes goes into `fd`; more than one means a broken client.
ssize_t receive_some(int socket, std::vector<char>& buffer, base::Fd& fd, bool& too_many) {
  iovec piece{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return got;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int raw;
      std::memcpy(&raw, CMSG_DATA(part) + i * sizeof(int), sizeof raw);
      base::Fd received(raw);
      if (fd) too_many = true;
      if (!fd) fd = std::move(received);
    }
  }
  if (message.msg_flags & MSG_CTRUNC) too_many = true;
  return got;
}

}  // namespace

ClientConnection::ClientConnection(ConnectionHost& host, base::Fd socket, std::uint64_t id, PeerCredentials peer,
                                   SocketAccess access)
    : host_(host),
      socket_(std::move(socket)),
      id_(id),
      peer_(peer),
      read_only_socket_(access == SocketAccess::ReadOnly),
      read_only_(read_only_socket_),
      keepalive_(
          host.loop, host.limits.keepalive_interval_seconds * host.limits.keepalive_second, host.limits.keepalive_count,
          {.ping =
               [this] {
                 queue({format_packet(keepalive_header(kPing), {}), {}, {}});
               },
           .give_up = [this] { drop_soon("no answer to keepalive pings"); },
           .excused = [this] { return slots_used_ >= host_.limits.max_client_requests || relays_.congested(); }}),
      relays_(host.loop, host.read_buffer, *this, [this](const std::function<void()>& work) {
        const Turn turn(*this);
        work();
      }) {}

std::shared_ptr<ClientConnection> ClientConnection::self() {
  return std::static_pointer_cast<ClientConnection>(shared_from_this());
}

void ClientConnection::start() {
  watched_events_ = EPOLLIN;
  // Weak: the watch lives inside the connection it calls.
  watch_ = host_.loop.on_fd(socket_.get(), watched_events_, [weak = weak_from_this()](std::uint32_t events) {
    if (const auto strong = weak.lock()) static_cast<ClientConnection&>(*strong).on_socket(events);
  });
  if (authenticated_) return;
  time_to_authenticate_ = host_.loop.after(host_.limits.time_to_authenticate, [weak = weak_from_this()] {
    const auto strong = weak.lock();
    if (strong && !strong->authenticated())
      static_cast<ClientConnection&>(*strong).close("it did not authenticate in time");
  });
}

void ClientConnection::mark_open(bool read_only) {
  read_only_ = read_only_socket_ || read_only;
  open_ = true;
}

void ClientConnection::mark_authenticated() {
  if (!authenticated_.exchange(true)) on_loop([this] { host_.on_authenticated(*this); });
}

void ClientConnection::drop(const std::string& reason) {
  on_loop([this, reason] { drop_soon(reason); });
}

void ClientConnection::start_keepalive() {
  on_loop([this] { keepalive_.start(); });
}

void ClientConnection::on_loop(std::function<void()> work) {
  const std::scoped_lock lock(remote_mutex_);
  if (!reachable_) return;
  host_.loop.post([this, alive = self(), work = std::move(work)] {
    if (!closed_) work();
  });
}

ClientFacts ClientConnection::facts() const {
  return {.id = id_,
          .since = since_,
          .peer = peer_,
          .read_only = read_only_,
          .calls = running_calls_,
          .streams = streams_.size(),
          .unsent_bytes = out_.unsent(),
          .unread_bytes = reader_.buffered()};
}

// ---- the loop side ----

void ClientConnection::on_socket(std::uint32_t events) {
  const Turn turn(*this);
  if (closed_) return;
  try {
    if ((events & EPOLLIN) && can_take_input() && !input_held_) return receive();
  } catch (const std::exception& error) {  // what was read and could not be kept leaves the rest without meaning
    return close(base::join("its input cannot be taken: ", error.what()));
  }
  if (events & (EPOLLHUP | EPOLLERR)) close({});
}

void ClientConnection::receive() {
  base::Fd fd;
  bool too_many_fds = false;
  const ssize_t got = receive_some(socket_.get(), host_.read_buffer, fd, too_many_fds);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (got <= 0) return close({});
  if (too_many_fds) return close("more than one descriptor with a byte");
  reader_.feed({host_.read_buffer.data(), static_cast<std::size_t>(got)}, std::move(fd));
}

bool ClientConnection::has_room() const {
  return !closed_ && out_.unsent() < kOutputHighWater;
}

bool ClientConnection::can_take_input() const {
  return has_room() && !leaving_ && slots_used_ < host_.limits.max_client_requests && !relays_.congested();
}

void ClientConnection::process_input() {
  input_held_ = false;
  Packet packet;
  try {
    for (unsigned taken = 0; !closed_ && drop_reason_.empty(); ++taken) {
      if (taken == kPacketsPerTurn || !can_take_input()) {
        input_held_ = reader_.buffered() > 0;
        return;
      }
      if (!reader_.next(packet, max_packet_bytes())) return;
      keepalive_.note_activity();
      on_packet(packet);
    }
  } catch (const std::exception& error) {
    drop_soon(error.what());
  }
}

std::size_t ClientConnection::max_packet_bytes() const {
  if (!authenticated_) return kMaxAnonymousPacketBytes;
  return read_only_socket_ ? kMaxReadOnlyPacketBytes : kMaxPacketBytes;
}

void ClientConnection::on_packet(Packet& packet) {
  const PacketHeader& header = packet.header;
  if (is_call(header)) return on_call(packet);
  if (header.is(NetMessageType::Stream) || header.is(NetMessageType::StreamHole)) return on_stream_packet(packet);
  if (header.program == kKeepaliveProgram) on_keepalive_packet(header);
  // Anything else means nothing from a client and is dropped without a word.
}

void ClientConnection::on_keepalive_packet(const PacketHeader& header) {
  if (!header.is(NetMessageType::Message) || header.version != kProtocolVersion || header.procedure != kPing) return;
  queue({format_packet(keepalive_header(kPong), {}), {}, {}});
}

void ClientConnection::on_stream_packet(const Packet& packet) {
  const auto found = streams_.find(packet.header.serial);
  if (found == streams_.end() || !found->second->belongs_to(packet.header)) {
    relays_.take_stream_packet(packet);  // if it belongs to no stream there either, it is dropped without a word
    return;
  }
  const auto stream = found->second;  // it may retire itself
  stream->on_packet(packet);
}

void ClientConnection::settle_guarded() noexcept {
  try {
    settle();
  } catch (const std::exception& error) {
    base::log::error("client {}: {}", id_, error.what());
    leaving_ = true;                   // whatever it was, nothing more is taken from this client
    drop_reason_.assign("it failed");  // short: needs no memory
    schedule();
  }
}

void ClientConnection::settle() {
  if (!closed_) {
    if (!streams_.empty())
      for (const auto& [serial, stream] : std::map(streams_)) stream->deliver();
    process_input();
    relays_.settle();
    if (!closed_) flush();
    if (!closed_ && !drop_reason_.empty()) close(drop_reason_);
    if (!closed_) {
      update_watch();
      relays_.update_watches();
    }
  }
  std::exchange(retired_, {}).clear();
  if (closed_ && running_calls_ == 0 && !ended_) end();
}

void ClientConnection::schedule() {
  if (scheduled_ || closed_) return;
  scheduled_ = true;
  host_.loop.post([alive = self()] { alive->take_scheduled_turn(); });
}

void ClientConnection::wait_for_turn() {
  if (scheduled_ || closed_) return;
  scheduled_ = true;
  host_.loop.take_turn([alive = self()] { alive->take_scheduled_turn(); });
}

void ClientConnection::take_scheduled_turn() {
  scheduled_ = false;
  const Turn turn(*this);
}

void ClientConnection::retire(std::uint32_t serial) {
  const auto found = streams_.find(serial);
  if (found == streams_.end()) return;
  retired_.push_back(std::move(found->second));
  streams_.erase(found);
  wake();
}

// ---- output ----

void ClientConnection::send_event(std::uint32_t program, std::int32_t procedure, Encoder body) {
  PacketHeader header;
  header.program = program;
  header.procedure = procedure;
  header.type = static_cast<std::int32_t>(NetMessageType::Message);
  header.serial = kEventSerial;
  const std::scoped_lock lock(remote_mutex_);
  if (!reachable_) return;
  events_.push_back(format_packet(header, body.bytes()));
  if (events_.size() > 1) return;  // draining is on its way
  host_.loop.post([this, alive = self()] { flush_events(); });
}

void ClientConnection::flush_events() {
  std::vector<std::string> events;
  {
    const std::scoped_lock lock(remote_mutex_);
    events.swap(events_);
  }
  const Turn turn(*this);
  for (auto& event : events) queue({std::move(event), {}, {}});
}

bool ClientConnection::falls_behind() const {
  return out_.unsent() > host_.limits.max_unsent_bytes;
}

/// An item or several, unless the client is gone. One that has not read what waits, nor takes it now, is dropped.
template <typename Output>
void ClientConnection::put_out(Output output) {
  if (closed_) return;
  if (falls_behind()) out_.flush(socket_.get(), written_);
  if (falls_behind()) return drop_soon(base::join("it leaves ", out_.unsent(), " bytes unread"));
  out_.push(std::move(output));
  wake();
}

void ClientConnection::queue(OutQueue::Item item) {
  put_out(std::move(item));
}

void ClientConnection::queue_all(std::vector<OutQueue::Item> items) {
  put_out(std::move(items));
}

void ClientConnection::drop_soon(const std::string& reason) {
  if (drop_reason_.empty()) drop_reason_ = reason;
  wake();
}

void ClientConnection::flush() {
  const OutQueue::Result result = out_.flush(socket_.get(), written_);
  if (result == OutQueue::Result::Broken) return close({});
  if (leaving_ && out_.empty()) return close({});
  const bool was_empty = out_.empty();
  for (const auto& weak : std::exchange(written_, {}))
    if (const auto stream = weak.lock()) stream->on_written();
  // Input that waited for room, and what a peer sent just now, come after everybody else's.
  if (input_held_ && can_take_input())
    wait_for_turn();
  else if ((was_empty && !out_.empty()) || (relays_.hold_input() && has_room()))
    schedule();
}

void ClientConnection::update_watch() {
  const std::uint32_t wanted = (can_take_input() && !input_held_ ? EPOLLIN : 0u) | (out_.empty() ? 0u : EPOLLOUT);
  if (wanted == watched_events_) return;
  watched_events_ = wanted;
  watch_.set_events(wanted);
}

// ---- the end ----

void ClientConnection::close(const std::string& reason) {
  if (closed_) return;
  const Turn turn(*this);
  closed_ = true;
  if (!reason.empty())
    log(base::log::Level::Warning,
        base::join("client ", id_, " (pid ", peer_.pid, ", uid ", peer_.uid, ") dropped: ", reason));
  {
    const std::scoped_lock lock(remote_mutex_);
    reachable_ = false;
    events_.clear();
  }
  keepalive_.stop();
  time_to_authenticate_ = {};
  watch_ = {};
  for (const auto& [serial, stream] : std::map(streams_)) stream->abandon();
  relays_.clear();
  out_.clear();
  written_.clear();
  socket_.reset();
}

void ClientConnection::end() {
  ended_ = true;
  if (const auto notify = std::exchange(on_closed, nullptr)) {
    try {
      notify();
    } catch (const std::exception& error) {
      base::log::error("client {}: at its end: {}", id_, error.what());
    }
  }
  session.reset();
  host_.on_gone(*this);
}

}  // namespace rpc
