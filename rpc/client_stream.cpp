#include "rpc/client_stream.hpp"

#include <utility>

#include "base/log.hpp"
#include "rpc/error_message.hpp"

namespace rpc {

// A peer's failure ends its stream with an error packet and nothing else.
template <typename Callback>
void ClientStream::guarded(Callback&& callback) {
  try {
    callback();
  } catch (const base::Error& error) {
    fail(error);
  } catch (const std::exception& error) {
    base::log::error("stream of procedure {}: {}", call_.procedure, error.what());
    fail(base::Error(base::Code::InternalError, base::From::Streams, error.what()));
  }
}

void ClientStream::send(std::string_view bytes) {
  if (!alive_) return;
  if (!can_send() || bytes.size() > kStreamChunk)
    base::fail_from(base::From::Streams, base::Code::InternalError, "stream packet of ", bytes.size(),
                    " bytes out of turn");
  if (bytes.empty()) return;  // on the wire that would be the end of the data
  packet_queued_ = true;
  queue(NetMessageStatus::Continue, bytes, true);
}

void ClientStream::send_eof() {
  if (!alive_ || eof_sent_) return;
  eof_sent_ = true;
  queue(NetMessageStatus::Continue, {});
}

void ClientStream::fail(const base::Error& error) {
  if (!alive_) return;
  queue(NetMessageStatus::Error, encode_error(error));
  retire();
}

void ClientStream::pause_input(bool paused) {
  paused_ = paused;
  if (!paused && !input_.empty()) owner_.wake();
}

void ClientStream::open() {
  guarded([this] { peer_->opened(*this); });
}

bool ClientStream::belongs_to(const PacketHeader& header) const {
  return header.program == call_.program && header.version == call_.version && header.procedure == call_.procedure;
}

void ClientStream::on_packet(const Packet& packet) {
  const PacketHeader& header = packet.header;
  if (header.is(NetMessageStatus::Error)) return abort(true);
  if (header.is(NetMessageStatus::Ok) && header.is(NetMessageType::Stream)) return accept({Input::Kind::Finish, {}});
  if (!header.is(NetMessageStatus::Continue)) return abort(false);
  if (header.is(NetMessageType::StreamHole)) return accept_hole(packet.payload);
  if (!packet.payload.empty()) accept({Input::Kind::Data, std::string(packet.payload)});
}

void ClientStream::accept_hole(std::string_view payload) {
  guarded([&] {
    NetStreamHole hole;
    Decoder in(payload);
    hole.decode(in);
    if (hole.length <= 0 || hole.flags != 0)
      base::fail_from(base::From::Streams, base::Code::Rpc, "stream hole of ", hole.length, " bytes, flags ",
                      hole.flags);
    accept({Input::Kind::Hole, {}, 0, hole.length});
  });
}

void ClientStream::accept(Input input) {
  owner_.take_slot();
  input_.push_back(std::move(input));
  deliver();
}

void ClientStream::abort(bool confirmed) {
  const auto self = shared_from_this();
  guarded([this] { peer_->on_abort(); });
  if (!alive_) return;
  if (!confirmed) return fail(base::Error(base::Code::Rpc, base::From::Rpc, "stream packet with an unknown status"));
  queue(NetMessageStatus::Ok, {});
  retire();
}

void ClientStream::deliver() {
  const auto self = shared_from_this();
  while (alive_ && !paused_ && !input_.empty()) guarded([this] { consume(input_.front()); });
}

void ClientStream::consume(Input& input) {
  switch (input.kind) {
    case Input::Kind::Data: {
      const std::string_view rest = std::string_view(input.bytes).substr(input.consumed);
      input.consumed += std::min(peer_->on_data(rest), rest.size());
      if (!alive_) return;
      if (input.consumed == input.bytes.size()) return drop_first();
      paused_ = true;
      return;
    }
    case Input::Kind::Hole: {
      peer_->on_hole(input.hole);
      if (alive_) drop_first();
      return;
    }
    case Input::Kind::Finish:
      return finish();
  }
}

void ClientStream::drop_first() {
  input_.pop_front();
  owner_.release_slots(1);
}

void ClientStream::finish() {
  peer_->on_finish();
  if (!alive_) return;
  queue(NetMessageStatus::Ok, {});
  retire();
}

void ClientStream::on_written() {
  packet_queued_ = false;
  if (alive_ && !eof_sent_) guarded([this] { peer_->on_can_send(); });
}

void ClientStream::abandon() {
  if (!alive_) return;
  try {
    peer_->on_abort();
  } catch (const std::exception& error) {
    base::log::error("stream of procedure {}: {}", call_.procedure, error.what());
  }
  if (alive_) retire();
}

void ClientStream::queue(NetMessageStatus status, std::string_view payload, bool tell_when_written) {
  OutQueue::Item item{format_packet(call_.answer(NetMessageType::Stream, status), payload), {}, {}};
  if (tell_when_written) item.stream = weak_from_this();
  owner_.queue(std::move(item));
}

// Input stays until destruction: a callback further up the stack may be looking at it.
void ClientStream::retire() {
  alive_ = false;
  owner_.release_slots(input_.size());
  owner_.retire(call_.serial);
}

}  // namespace rpc
