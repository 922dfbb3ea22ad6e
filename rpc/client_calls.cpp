// A client's calls, from admission to the reply: refused, relayed, or run here, where the guard may have to be asked.
#include <utility>

#include "base/log.hpp"
#include "base/memory_reserve.hpp"
#include "rpc/client_connection.hpp"
#include "rpc/error_message.hpp"

namespace rpc {

struct ClientConnection::PendingCall {
  PacketHeader header;
  const ProcedureTable::Entry* entry = nullptr;
  Call call;
  std::string bytes;         // that payload is in
  std::string_view payload;  // while the guard thinks, and for a worker
  Outcome outcome;           // of a worker's
};

void ClientConnection::on_call(Packet& packet) {
  Admission admission = admit(host_.table, *this, packet.header, packet.payload);
  if (!admission.entry) {
    const PacketHeader answer = packet.header.answer(NetMessageType::Reply, NetMessageStatus::Error);
    return queue({format_packet(answer, admission.refusal), {}, {}});
  }
  if (admission.entry->info->stream != StreamDirection::None && streams_.size() >= host_.limits.max_client_streams) {
    const base::Error error(base::Code::OperationDenied, base::From::Rpc,
                            base::join("a client may have ", host_.limits.max_client_streams, " streams open"));
    return queue(
        {format_packet(packet.header.answer(NetMessageType::Reply, NetMessageStatus::Error), encode_error(error)),
         {},
         {}});
  }
  if (admission.entry->route && relay(packet, *admission.entry)) return;
  auto pending = std::make_shared<PendingCall>();
  pending->header = packet.header;
  pending->entry = admission.entry;
  pending->call.connection = shared_from_this();
  pending->call.serial = packet.header.serial;
  pending->call.fds_in = std::move(packet.fds);
  ++running_calls_;
  ++slots_used_;
  pending->payload = packet.payload;
  if (!host_.guard && pending->entry->where == Run::Inline) return run(pending);
  if (packet.whole.empty())
    pending->payload = pending->bytes = packet.payload;
  else
    pending->bytes = std::move(packet.whole);
  if (!host_.guard) return run(pending);
  ask_guard(pending);
}

void ClientConnection::ask_guard(const std::shared_ptr<PendingCall>& pending) {
  const auto decided = [alive = self(), pending](const base::Error* refusal) {
    const Turn turn(*alive);
    if (refusal || alive->closed_)
      alive->finish_call(*pending, refusal ? Outcome{encode_error(*refusal), true} : Outcome{});
    else
      alive->run(pending);
  };
  host_.guard(pending->call, *pending->entry->info, pending->payload, decided);
}

void ClientConnection::run(const std::shared_ptr<PendingCall>& pending) {
  if (pending->entry->where == Run::Inline)
    return finish_call(*pending, run_handler(*pending->entry, pending->call, pending->payload));

  const Priority priority = pending->entry->info->high_priority ? Priority::High : Priority::Ordinary;
  host_.submit(priority, id_, [&host = host_, alive = self(), pending] {
    auto& outcome = pending->outcome;
    bool told = true;
    try {
      outcome = run_handler(*pending->entry, pending->call, pending->payload);
    } catch (const std::bad_alloc&) {  // not even memory for an error, save what the call itself took
      told = false;
    }
    pending->payload = {};
    pending->bytes = {};  // here: giving back what is large takes a moment
    if (!told) base::insist([&] { outcome = no_memory(*pending->entry); });
    base::insist([&] { host.complete([alive, pending] { alive->finish_call(*pending, pending->outcome); }); });
  });
}

/// False when the call has to be answered here, because the other daemon is not there.
bool ClientConnection::relay(const Packet& call, const ProcedureTable::Entry& entry) {
  ++slots_used_;
  try {
    const bool opens_stream = entry.info->stream != StreamDirection::None;
    if (relays_.forward(*entry.route, *this, call.header, opens_stream, call.payload)) return true;
    --slots_used_;
    return false;
  } catch (const base::Error& error) {
    deliver_reply(call.header, NetMessageStatus::Error, encode_error(error));
    return true;
  }
}

void ClientConnection::deliver_reply(const PacketHeader& call, NetMessageStatus status, std::string_view payload) {
  --slots_used_;
  deliver(format_packet(call.answer(NetMessageType::Reply, status), payload));
}

void ClientConnection::answer_alone(const PacketHeader& header) {
  Call call;
  call.connection = shared_from_this();
  const Outcome outcome = run_handler(*host_.table.find(header.program, header.procedure), call, {});
  deliver_reply(header, outcome.failed ? NetMessageStatus::Error : NetMessageStatus::Ok, outcome.body);
}

void ClientConnection::finish_call(PendingCall& pending, const Outcome& outcome) {
  const Turn turn(*this);
  --running_calls_;
  --slots_used_;
  if (!closed_) send_reply(pending, outcome);
  if (pending.call.after_reply) {
    try {
      pending.call.after_reply();
    } catch (const std::exception& error) {
      base::log::error("{}: after the reply: {}", pending.entry->info->api, error.what());
    }
  }
  pending.call = {};  // here and now: what the handler left behind belongs to the loop thread
}

void ClientConnection::send_reply(PendingCall& pending, const Outcome& outcome) {
  const PacketHeader& header = pending.header;
  if (outcome.failed)
    return queue({format_packet(header.answer(NetMessageType::Reply, NetMessageStatus::Error), outcome.body), {}, {}});
  if (pending.call.stream_peer && streams_.contains(header.serial)) {
    const base::Error error(base::Code::Rpc, base::From::Rpc, base::join("stream ", header.serial, " is open already"));
    return queue(
        {format_packet(header.answer(NetMessageType::Reply, NetMessageStatus::Error), encode_error(error)), {}, {}});
  }
  auto& fds = pending.call.fds_out;
  const NetMessageType type = fds.empty() ? NetMessageType::Reply : NetMessageType::ReplyWithFds;
  const std::size_t fd_count = fds.size();
  auto& more = pending.call.more_reply;
  std::size_t following = 0;
  for (const auto& piece : more) following += piece.size();
  OutQueue::Item first{
      format_packet(header.answer(type, NetMessageStatus::Ok), outcome.body, fd_count, following), {}, {}};
  if (more.empty()) {
    first.fds = std::move(fds);
    queue(std::move(first));
  } else {
    std::vector<OutQueue::Item> items;
    items.push_back(std::move(first));
    for (auto& piece : more) items.push_back({std::move(piece), {}, {}});
    items.back().fds = std::move(fds);
    queue_all(std::move(items));
  }
  if (header.program == kRemoteProgram && header.procedure == proc::ConnectClose::kNumber) leaving_ = true;
  if (pending.call.stream_peer) open_stream(pending);
}

void ClientConnection::open_stream(PendingCall& pending) {
  StreamOwner& owner = *this;
  const auto stream = std::make_shared<ClientStream>(owner, pending.header, std::move(pending.call.stream_peer));
  streams_.emplace(pending.header.serial, stream);
  stream->open();
}

}  // namespace rpc
