#include "rpc/relay.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "rpc/error_message.hpp"

namespace rpc {
namespace {

// As much as a client may leave unread before it is not read itself.
constexpr std::size_t kHighWater = 1u << 20;
constexpr std::uint32_t kReadOnlyFlag = 1;

template <typename P>
std::string encoded_arguments(const typename P::Args& args) {
  Encoder out;
  encode(out, args);
  return out.take();
}

/// By which the other daemon's access control knows for whom it works. Empty for somebody who is no process here.
ConnectSetIdentityArgs identity_of(const PeerCredentials& subject) {
  if (subject.pid == 0) return {};
  const auto number = [](const char* name, std::uint64_t value) { return TypedParam{name, value}; };
  return {{number("unix-user-id", subject.uid),
           number("unix-group-id", subject.gid),
           {"process-id", std::int64_t{subject.pid}},
           number("process-time", subject.start_time)},
          0};
}

bool is_error(const Packet& packet, base::Code code) {
  try {
    NetMessageError error;
    Decoder in(packet.payload);
    error.decode(in);
    return error.code == static_cast<std::int32_t>(code);
  } catch (const base::Error&) {
    return false;
  }
}

/// None needed: an empty list, one that names "none", or a daemon that does not know the question.
void require_no_authentication(const Packet& packet) {
  if (!packet.header.is(NetMessageStatus::Ok)) return;
  AuthListRet offered;
  Decoder in(packet.payload);
  offered.decode(in);
  if (!offered.types.empty() && std::ranges::count(offered.types, AuthType::None) == 0)
    base::fail_from(base::From::Rpc, base::Code::AuthFailed, "the other daemon asks for authentication");
}

}  // namespace

Relay::Relay(RelayClient& client, RelayedEvents& events, base::Fd socket, const std::string& uri,
             const PeerCredentials& subject, bool read_only)
    : client_(client), events_(events), socket_(std::move(socket)) {
  steps_.push_back({proc::AuthList::kNumber, {}});
  steps_.push_back(
      {proc::ConnectOpen::kNumber, encoded_arguments<proc::ConnectOpen>({uri, read_only ? kReadOnlyFlag : 0})});
  steps_.push_back(
      {proc::ConnectSetIdentity::kNumber, encoded_arguments<proc::ConnectSetIdentity>(identity_of(subject))});
  for (const auto& one : events_.begin_again()) steps_.push_back({one.procedure, one.arguments, one.here});
  next_step();
}

// ---- to the other daemon ----

void Relay::next_step() {
  if (steps_.empty()) {
    for (const auto& [header, arguments] : std::exchange(waiting_, {})) send_call(header, arguments);
    return;
  }
  PacketHeader header;
  header.program = kRemoteProgram;
  header.procedure = steps_.front().procedure;
  header.serial = step_serial_ = next_serial_++;
  send(format_packet(header, steps_.front().arguments));
}

void Relay::forward(const PacketHeader& call, bool opens_stream, std::string_view payload) {
  PacketHeader header = call.answer(NetMessageType::Call, NetMessageStatus::Ok);
  header.serial = next_serial_++;
  const bool of_events = RelayedEvents::registers(call.procedure) || RelayedEvents::deregisters(call.procedure);
  calls_.emplace(header.serial, Call{call, opens_stream, false, of_events ? std::string(payload) : std::string()});
  if (steps_.empty())
    send_call(header, payload);
  else
    waiting_.emplace_back(header, payload);
}

void Relay::send_call(const PacketHeader& header, std::string_view arguments) {
  const bool ends = RelayedEvents::deregisters(header.procedure);
  send(ends ? format_packet(header, events_.outgoing(arguments)) : format_packet(header, arguments));
}

bool Relay::take_stream_packet(const Packet& packet) {
  const auto found = streams_.find(packet.header.serial);
  if (found == streams_.end()) return false;
  const PacketHeader& opener = calls_.at(found->second).header;
  if (packet.header.program != opener.program || packet.header.version != opener.version ||
      packet.header.procedure != opener.procedure)
    return false;
  PacketHeader header = packet.header;
  header.serial = found->second;
  send(format_packet(header, packet.payload));
  return true;
}

void Relay::send(std::string packet) {
  out_.push({std::move(packet), {}, {}});
}

bool Relay::congested() const {
  return out_.unsent() > kHighWater;
}

// ---- from the other daemon ----

void Relay::receive(std::vector<char>& buffer) {
  if (over_ || !client_.has_room()) return;
  ssize_t got;
  do {
    got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (got <= 0)
    ended_ = true;
  else
    reader_.feed({buffer.data(), static_cast<std::size_t>(got)});
}

void Relay::settle() {
  if (over_) return;
  try {
    take_packets();
  } catch (const base::Error& error) {  // not libvirt's protocol
    return end(error);
  }
  if (over_) return;
  std::vector<std::weak_ptr<ClientStream>> none;
  if (out_.flush(socket_.get(), none) == OutQueue::Result::Broken) ended_ = true;
  if (ended_ && !held_)
    end(base::Error(base::Code::SystemError, base::From::Rpc, "end of file while reading data", EIO));
}

void Relay::take_packets() {
  held_ = false;
  Packet packet;
  while (!over_) {
    if (!client_.has_room()) {
      held_ = reader_.buffered() > 0;
      return;
    }
    if (!reader_.next(packet)) return;
    on_packet(packet);
  }
}

// What is neither an answer to something nor an event of REMOTE means nothing here and is dropped without a word.
void Relay::on_packet(const Packet& packet) {
  const PacketHeader& header = packet.header;
  if (header.is(NetMessageType::Reply) || header.is(NetMessageType::ReplyWithFds)) {
    if (!steps_.empty() && header.serial == step_serial_) return on_step_reply(packet);
    return on_reply(packet);
  }
  if (header.is(NetMessageType::Stream) || header.is(NetMessageType::StreamHole)) return on_stream_packet(packet);
  if (header.is(NetMessageType::Message) && header.program == kRemoteProgram)
    if (const auto message = events_.incoming(packet.payload)) client_.deliver(format_packet(header, *message));
}

void Relay::on_step_reply(const Packet& packet) {
  const std::int32_t step = packet.header.procedure;
  if (const auto renewed = steps_.front().renews; renewed && packet.header.is(NetMessageStatus::Ok))
    events_.renew(*renewed, packet.payload);
  else if (renewed)
    events_.drop(*renewed);  // what it was about has gone
  else if (step == proc::AuthList::kNumber)
    require_no_authentication(packet);
  else if (!packet.header.is(NetMessageStatus::Ok))
    return step == proc::ConnectOpen::kNumber && is_error(packet, base::Code::NoConnect) ? end_without_driver()
                                                                                         : end(packet.payload);
  steps_.pop_front();
  next_step();
}

void Relay::on_reply(const Packet& packet) {
  const auto found = calls_.find(packet.header.serial);
  if (found == calls_.end() || found->second.streaming) return;
  Call& call = found->second;
  const bool good = packet.header.is(NetMessageStatus::Ok);
  const PacketHeader header = call.header;
  std::string answer(packet.payload);
  if (good && RelayedEvents::registers(header.procedure))
    answer = events_.add(header.procedure, std::move(call.arguments), packet.payload);
  else if (good && RelayedEvents::deregisters(header.procedure))
    events_.drop(RelayedEvents::number_in(call.arguments));
  if (good && call.opens_stream) {
    call.streaming = true;
    streams_.insert_or_assign(header.serial, found->first);
  } else {
    calls_.erase(found);
  }
  client_.deliver_reply(header, good ? NetMessageStatus::Ok : NetMessageStatus::Error, answer);
}

void Relay::on_stream_packet(const Packet& packet) {
  const auto found = calls_.find(packet.header.serial);
  if (found == calls_.end() || !found->second.streaming) return;
  PacketHeader header = packet.header;
  header.serial = found->second.header.serial;
  if (!header.is(NetMessageStatus::Continue)) end_stream(found);
  client_.deliver(format_packet(header, packet.payload));
}

void Relay::end_stream(Calls::iterator call) {
  const auto stream = streams_.find(call->second.header.serial);
  if (stream != streams_.end() && stream->second == call->first) streams_.erase(stream);
  calls_.erase(call);
}

// ---- the end ----

void Relay::end(const base::Error& error) {
  end(encode_error(error));
}

void Relay::end(std::string_view error_body) {
  over_ = true;
  for (const auto& [serial, call] : std::exchange(calls_, {})) {
    if (call.streaming)
      client_.deliver(format_packet(call.header.answer(NetMessageType::Stream, NetMessageStatus::Error), error_body));
    else
      client_.deliver_reply(call.header, NetMessageStatus::Error, error_body);
  }
}

void Relay::end_without_driver() {
  over_ = true;
  for (const auto& [serial, call] : std::exchange(calls_, {})) client_.answer_alone(call.header);
}

std::uint32_t Relay::wanted_events() const {
  if (over_) return 0;
  return (client_.has_room() && !ended_ ? EPOLLIN : 0u) | (out_.empty() ? 0u : EPOLLOUT);
}

}  // namespace rpc
