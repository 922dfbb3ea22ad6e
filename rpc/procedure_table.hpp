// Procedure number → access, decode, handler, encode. The facts (names, argument types, what a read-only client may
// call) are generated from rpc/protocol/*.tsv; the driver only adds handlers. Knows calls, never domains.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "rpc/connection.hpp"
#include "rpc/protocol.hpp"
#include "rpc/relay_route.hpp"
#include "rpc/stream.hpp"
#include "rpc/xdr.hpp"

namespace rpc {

/// Where a handler runs. Inline: on the loop thread, for calls that never wait. Worker: on a pool thread.
enum class Run { Inline, Worker };

/// One call being answered. `fds_in` came with it; what the handler puts into `fds_out` goes back with the reply.
struct Call {
  std::shared_ptr<Connection> connection;
  std::uint32_t serial = 0;
  std::vector<base::Fd> fds_in;
  std::vector<base::Fd> fds_out;
  /// What comes after the handler's own reply, encoded already: a long one is made in pieces, and sent without copies.
  std::vector<std::string> more_reply;
  /// What the guard found out for the handler (Server::guard).
  std::shared_ptr<const void> granted;
  /// Set by handlers of stream procedures: becomes the stream's local end once the reply is queued.
  std::unique_ptr<StreamPeer> stream_peer;
  /// Runs on the loop thread right after the reply was queued (or the call failed to be sent).
  std::function<void()> after_reply;
};

/// Decides whether a call may run: `decided` gets nullptr for yes, else what refuses it; once, on the loop thread, at
/// once or later. The call and its payload stay until then.
using Guard = std::function<void(Call& call, const ProcedureInfo& info, std::string_view payload,
                                 std::function<void(const base::Error*)> decided)>;

class ProcedureTable {
 public:
  /// Knows every procedure of `programs` from the start, none of them with a handler.
  explicit ProcedureTable(std::initializer_list<std::uint32_t> programs = {kRemoteProgram, kLxcProgram, kQemuProgram});

  /// Typed registration: `P` is a generated procedure tag with P::Args and P::Ret, e.g. proc::DomainCreate.
  /// The handler throws base::Error to refuse.
  template <typename P>
  void on(Run where, std::function<typename P::Ret(Call&, const typename P::Args&)> handler) {
    add(P::kProgram, P::kNumber, where, [handler = std::move(handler)](Call& call, Decoder& in, Encoder& out) {
      typename P::Args args{};
      decode(in, args);
      encode(out, handler(call, args));
    });
  }

  using Handler = std::function<void(Call&, Decoder&, Encoder&)>;
  void add(std::uint32_t program, std::int32_t number, Run where, Handler handler);
  /// The call goes to another daemon; `alone` answers it (Inline) while there is none. `route` outlives the table.
  void relay(std::uint32_t program, std::int32_t number, const RelayRoute& route, Handler alone);

  struct Entry {
    const ProcedureInfo* info = nullptr;  // generated facts; nullptr: no such procedure
    Run where = Run::Inline;
    Handler handler;  // empty: known, not implemented → NoSupport with the API's name
    const RelayRoute* route = nullptr;
  };
  /// nullptr for an unknown program.
  /// An Entry without info for an unknown number or an event.
  const Entry* find(std::uint32_t program, std::int32_t number) const;

 private:
  std::vector<Entry>* entries_of(std::uint32_t program);
  Entry& known_entry(std::uint32_t program, std::int32_t number);

  std::vector<std::uint32_t> numbers_;        // program numbers, in step with programs_
  std::vector<std::vector<Entry>> programs_;  // indexed by procedure number
};

}  // namespace rpc
