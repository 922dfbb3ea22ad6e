#include "rpc/dispatch.hpp"

#include <new>
#include <system_error>

#include "base/activity.hpp"
#include "base/log.hpp"
#include "rpc/error_message.hpp"

namespace rpc {
namespace {

constexpr std::int32_t kFeatureKeepalive = 10;

template <typename P>
bool is(const ProcedureInfo& info) {
  return info.program == P::kProgram && info.number == P::kNumber;
}

bool asks_keepalive(std::string_view payload) {
  return payload.size() >= 4 && Decoder(payload).get_u32() == kFeatureKeepalive;
}

bool works_before_open(const ProcedureInfo& info, std::string_view payload) {
  return !info.needs_auth || is<proc::ConnectOpen>(info) || is<proc::ConnectClose>(info) ||
         info.program == kAdminProgram || (is<proc::ConnectSupportsFeature>(info) && asks_keepalive(payload));
}

void check_state(const ProcedureInfo& info, const Connection& connection, std::string_view payload) {
  using base::Code;
  using base::fail_from;
  using base::From;
  if (info.needs_auth && !connection.authenticated())
    fail_from(From::Rpc, Code::Rpc, "authentication required before ", info.api);
  if (is<proc::ConnectOpen>(info) && connection.is_open())
    fail_from(From::Rpc, Code::InternalError, "connection already open");
  if (!connection.is_open() && !works_before_open(info, payload))
    fail_from(From::Rpc, Code::InternalError, "connection not open");
  if (connection.read_only() && info.read_only == ReadOnlyAccess::Refused)
    fail_from(info.family, Code::OperationDenied, "read only access prevents ", info.api);
}

Admission refuse(std::string body) {
  return {nullptr, std::move(body)};
}

}  // namespace

Admission admit(const ProcedureTable& table, const Connection& connection, const PacketHeader& header,
                std::string_view payload) {
  const ProcedureTable::Entry* entry = table.find(header.program, header.procedure);
  if (!entry || header.version != kProtocolVersion)
    return refuse(encode_rpc_error(base::join("Cannot find program ", header.program, " version ", header.version)));
  // Clients look for exactly this beginning and show "not supported" instead.
  if (!entry->info) return refuse(encode_rpc_error(base::join("unknown procedure: ", header.procedure)));
  try {
    if (!header.is(NetMessageStatus::Ok))
      base::fail_from(base::From::Rpc, base::Code::Rpc, "call with status ", header.status);
    check_state(*entry->info, connection, payload);
    if (!entry->handler && !is<proc::ConnectClose>(*entry->info))
      base::fail_from(entry->info->family, base::Code::NoSupport, entry->info->api);
  } catch (const base::Error& error) {
    return refuse(encode_error(error));
  }
  return {entry, {}};
}

namespace {

/// Whether the host or the daemon is to blame, rather than what the client asked for.
bool is_trouble(base::Code code) {
  using base::Code;
  return code == Code::InternalError || code == Code::NoMemory || code == Code::SystemError ||
         code == Code::OperationFailed || code == Code::OperationTimeout || code == Code::Rpc;
}

/// The reply, and the one line in the log that says why.
Outcome failed(const ProcedureTable::Entry& entry, const Call& call, const base::Error& error) {
  auto& client = *call.connection;
  const auto level = is_trouble(error.code()) ? base::log::Level::Warning : base::log::Level::Info;
  if (base::log::enabled(level))
    client.log(level, base::join(entry.info->api, " of client ", client.id(), " (pid ", client.peer().pid,
                                 "): ", error.message()));
  return {encode_error(error), true};
}

}  // namespace

Outcome no_memory(const ProcedureTable::Entry& entry) {
  return {encode_error(base::Error(base::Code::NoMemory, entry.info->family, entry.info->api)), true};
}

Outcome run_handler(const ProcedureTable::Entry& entry, Call& call, std::string_view payload) {
  if (!entry.handler) return {};  // CONNECT_CLOSE: the connection itself does what is needed
  const base::Activity activity(entry.info->api, call.connection ? call.connection->id() : 0);
  try {
    Decoder in(payload);
    Encoder out;
    entry.handler(call, in, out);
    std::size_t size = out.bytes().size();
    for (const auto& piece : call.more_reply) size += piece.size();
    if (size > kMaxPayloadBytes - 4)
      base::fail_from(base::From::Rpc, base::Code::Rpc, "reply of ", size, " bytes is too large");
    if (call.fds_out.size() > kMaxPacketFds)
      base::fail_from(base::From::Rpc, base::Code::Rpc, "reply with ", call.fds_out.size(), " descriptors");
    return {out.take(), false};
  } catch (const base::Error& error) {
    return failed(entry, call, error);
  } catch (const std::bad_alloc&) {
    base::log::warning("{}: out of memory", entry.info->api);
    return no_memory(entry);
  } catch (const std::system_error& error) {
    // What the C++ library alone reports like this are threads that cannot be started.
    return failed(entry, call,
                  {base::Code::SystemError, entry.info->family, "cannot start a thread", error.code().value()});
  } catch (const std::exception& error) {
    return failed(entry, call, {base::Code::InternalError, entry.info->family, error.what()});
  }
}

}  // namespace rpc
