// From a CALL packet to what happens: which handler answers it, or the refusal a stock client expects. Knows no
// sockets.
#pragma once

#include <string>
#include <string_view>

#include "rpc/connection.hpp"
#include "rpc/packet.hpp"
#include "rpc/procedure_table.hpp"

namespace rpc {

/// The handler's entry, or an encoded error body that refuses the call.
struct Admission {
  const ProcedureTable::Entry* entry = nullptr;
  std::string refusal;
};

/// Checks a call in the order: program, procedure, status, authentication, CONNECT_OPEN, read-only access, handler.
Admission admit(const ProcedureTable& table, const Connection& connection, const PacketHeader& header,
                std::string_view payload);

/// A handler's result: the encoded return value, or an encoded error.
struct Outcome {
  std::string body;
  bool failed = false;
};

/// What a call answers for which there was no memory.
Outcome no_memory(const ProcedureTable::Entry& entry);

/// Runs the handler; whatever it throws becomes the outcome. On the thread that calls this.
Outcome run_handler(const ProcedureTable::Entry& entry, Call& call, std::string_view payload);

}  // namespace rpc
