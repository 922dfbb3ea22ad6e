// Listening sockets, accepted connections, the worker pool: bytes in, calls dispatched to a ProcedureTable, bytes out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "rpc/connection.hpp"
#include "rpc/procedure_table.hpp"
#include "rpc/worker_pool.hpp"

namespace rpc {

/// libvirt's own config keys give these (virtlxcelld.conf).
struct ServerLimits {
  unsigned max_clients = 5000;  // a user other than root (and ours) may have half of them, and of the anonymous ones
  unsigned max_queued_clients = 1000;
  unsigned max_anonymous_clients = 20;
  std::chrono::milliseconds time_to_authenticate{120'000};
  unsigned max_client_requests = 5;
  unsigned max_client_streams = 256;
  unsigned workers = 5;
  unsigned priority_workers = 5;
  int keepalive_interval_seconds = 5;  // <= 0: off
  unsigned keepalive_count = 5;
  std::chrono::milliseconds keepalive_second{1000};  // shorter in tests
  /// A client whose unsent replies and events exceed this is disconnected and named in the log.
  std::size_t max_unsent_bytes = 16u << 20;
};

/// A client as an administrator sees it.
struct ClientFacts {
  std::uint64_t id = 0;
  std::int64_t since = 0;  // seconds since the epoch
  PeerCredentials peer;
  bool read_only = false;
  unsigned calls = 0;  // that are being answered here
  std::size_t streams = 0, unsent_bytes = 0;
  std::size_t unread_bytes = 0;  // received, and not yet looked at
};

enum class SocketAccess { ReadWrite, ReadOnly };

class Server {
 public:
  Server(base::EventLoop& loop, const ProcedureTable& table, ServerLimits limits);
  ~Server();

  /// Takes over a bound, listening AF_UNIX stream socket.
  void listen(base::Fd socket, SocketAccess access);
  std::size_t connection_count() const;

  // For administrators, on the loop thread.

  /// In the order they came.
  std::vector<ClientFacts> clients() const;
  std::optional<ClientFacts> find_client(std::uint64_t id) const;
  /// False when there is no such client.
  bool disconnect(std::uint64_t id);
  const ServerLimits& limits() const;
  /// Who is there already stays. Both at least 1.
  void set_client_limits(unsigned max_clients, unsigned max_anonymous_clients);
  std::size_t anonymous_count() const;
  WorkerFigures workers() const;
  void set_worker_limits(WorkerLimits limits);

  /// Work not tied to a call, on the worker pool (autostart, reboot, event-driven clean-up). Any thread.
  void run_on_worker(std::function<void()> work);
  /// Stops accepting, finishes the calls and the work already handed to workers, sends their replies as far as the
  /// sockets take them, drops clients. Loop thread; blocks until the workers are done, so work must never wait for the
  /// loop.
  void shut_down();
  /// If set before the first client comes: asked for every call that no other daemon answers, before its handler.
  Guard guard;
  /// Called (loop thread) for each new client before its first byte is read: the place to mark it authenticated.
  std::function<void(Connection&)> on_connection;
  /// Called (loop thread) whenever the number of connections changes: for --timeout.
  std::function<void(std::size_t)> on_connection_count;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rpc
