// One client as the driver sees it: credentials, access, events, the driver's own state. Its life is on the loop
// thread; every function here may be called from any thread, while `session` and `on_closed` are set on the loop thread
// before calls run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "rpc/xdr.hpp"

namespace rpc {

/// SO_PEERCRED of the client.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  /// Field 22 of the pid's stat file (proc(5)), so that nobody is taken for the client who got its pid later; 0 when it
  /// cannot be told.
  std::uint64_t start_time = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  virtual ~Connection() = default;

  virtual std::uint64_t id() const = 0;
  virtual const PeerCredentials& peer() const = 0;
  /// For whom it asks: the peer, unless that has named somebody else. Loop thread, as speak_for().
  virtual const PeerCredentials& subject() const = 0;
  /// Other daemons hear of it from the next connection to them on.
  virtual void speak_for(const PeerCredentials& subject) = 0;
  /// The client came through the read-only socket or asked for read-only in CONNECT_OPEN. Set by mark_open().
  virtual bool read_only() const = 0;
  /// CONNECT_OPEN has been answered; hypervisor calls are refused before (code 1, domain 7).
  virtual bool is_open() const = 0;
  virtual void mark_open(bool read_only) = 0;
  /// Until then only the AUTH_* calls pass, packets must be small, and the client counts against
  /// max_anonymous_clients and has its time. Mark it in Server::on_connection when its socket needs no authentication,
  /// else in the AUTH_* handler.
  virtual bool authenticated() const = 0;
  virtual void mark_authenticated() = 0;
  /// Begins to ping the client; only for clients that asked for feature 10, others take a PING for a fatal error.
  virtual void start_keepalive() = 0;
  /// A line in the log that this client has caused: of many, a few are written, and the rest counted. Any thread.
  virtual void log(base::log::Level level, const std::string& line, const char* source = __builtin_FILE()) = 0;
  /// Disconnects the client, which is named in the log with the reason. Any thread.
  virtual void drop(const std::string& reason) = 0;

  /// Sends an event MESSAGE of `program`/`procedure` with the encoded body. Any thread; in the order of calls.
  /// It goes out after the current loop callback, so an event sent while or after an Inline handler ran comes after
  /// that handler's reply. A register handler that runs on a worker must start its subscription in Call::after_reply.
  virtual void send_event(std::uint32_t program, std::int32_t procedure, Encoder body) = 0;
  /// For an Inline handler after which the client expects no more of some events: those sent so far go out before its
  /// reply. libvirt's clients that close a connection while an event comes wait for themselves for ever.
  virtual void flush_events() = 0;

  /// The same, typed: `E` is a generated tag, e.g. event::DomainEventCallbackLifecycle.
  template <typename E>
  void send(const typename E::Message& message) {
    Encoder body;
    message.encode(body);
    send_event(E::kProgram, E::kNumber, std::move(body));
  }

  /// The driver's own per-connection state; destroyed on the loop thread when the connection is gone.
  std::shared_ptr<void> session;
  /// Called once on the loop thread when the client is gone and none of its calls runs any more, before `session` is
  /// destroyed.
  std::function<void()> on_closed;
};

}  // namespace rpc
