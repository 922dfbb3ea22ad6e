#include "rpc/server.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "rpc/client_connection.hpp"
#include "rpc/listener.hpp"

namespace rpc {
namespace {

constexpr std::size_t kReadBufferBytes = 64 * 1024;

/// A client without a single request slot could never be heard.
ServerLimits usable(ServerLimits limits) {
  limits.max_client_requests = std::max(limits.max_client_requests, 1u);
  return limits;
}

}  // namespace

struct Server::Impl {
  Impl(Server& owner, base::EventLoop& event_loop, const ProcedureTable& table, ServerLimits server_limits)
      : server(owner),
        limits(usable(server_limits)),
        loop(event_loop),
        pool(limits.workers, limits.priority_workers),
        host{
            .loop = event_loop,
            .table = table,
            .limits = limits,
            .read_buffer = std::vector<char>(kReadBufferBytes),
            .submit = [this](Priority priority, std::function<void()> work) { pool.submit(priority, std::move(work)); },
            .complete = [this](std::function<void()> result) { complete(std::move(result)); },
            .on_authenticated =
                [this](ClientConnection& connection) {
                  anonymous.erase(connection.id());
                  resume_listeners();
                },
            .on_gone = [this](ClientConnection& connection) { forget(connection.id()); }} {}

  bool has_room() const;
  void add_client(base::Fd socket, PeerCredentials peer, SocketAccess access);
  void forget(std::uint64_t id);
  void resume_listeners();
  void notify_count() const;
  void complete(std::function<void()> result);
  void run_completed();
  void shut_down();

  Server& server;
  const ServerLimits limits;
  base::EventLoop& loop;
  WorkerPool pool;
  ConnectionHost host;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::map<std::uint64_t, std::shared_ptr<ClientConnection>> connections;
  std::set<std::uint64_t> anonymous;  // those that have not authenticated
  std::uint64_t next_id = 1;
  bool stopped = false;

  // Posted closures look at this first: the loop may run them when the server is no more.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  std::mutex completed_mutex;
  std::vector<std::function<void()>> completed;
};

bool Server::Impl::has_room() const {
  return connections.size() < limits.max_clients && anonymous.size() < limits.max_anonymous_clients;
}

void Server::Impl::add_client(base::Fd socket, PeerCredentials peer, SocketAccess access) {
  const auto connection = std::make_shared<ClientConnection>(host, std::move(socket), next_id++, peer, access);
  connections.emplace(connection->id(), connection);
  try {
    if (server.on_connection) server.on_connection(*connection);
    connection->start();
  } catch (const std::exception& error) {
    return connection->close(error.what());
  }
  if (!connection->authenticated()) anonymous.insert(connection->id());
  notify_count();
}

void Server::Impl::forget(std::uint64_t id) {
  connections.erase(id);
  anonymous.erase(id);
  if (stopped) return;
  resume_listeners();
  notify_count();
}

void Server::Impl::resume_listeners() {
  for (const auto& listener : listeners) listener->resume();
}

void Server::Impl::notify_count() const {
  if (server.on_connection_count) server.on_connection_count(connections.size());
}

void Server::Impl::complete(std::function<void()> result) {
  {
    const std::scoped_lock lock(completed_mutex);
    completed.push_back(std::move(result));
    if (completed.size() > 1) return;  // the loop has been told
  }
  loop.post([this, guard = alive] {
    if (*guard) run_completed();
  });
}

void Server::Impl::run_completed() {
  std::vector<std::function<void()>> results;
  {
    const std::scoped_lock lock(completed_mutex);
    results.swap(completed);
  }
  for (const auto& result : results) {
    try {
      result();
    } catch (const std::exception& error) {
      base::log::error("finishing a call: {}", error.what());
    }
  }
}

void Server::Impl::shut_down() {
  if (std::exchange(stopped, true)) return;
  listeners.clear();
  pool.finish();
  run_completed();
  while (!connections.empty()) {
    const auto connection = connections.begin()->second;
    connection->close({});
    connections.erase(connection->id());
  }
}

Server::Server(base::EventLoop& loop, const ProcedureTable& table, ServerLimits limits)
    : impl_(std::make_unique<Impl>(*this, loop, table, limits)) {}

Server::~Server() {
  impl_->shut_down();
  *impl_->alive = false;
}

void Server::listen(base::Fd socket, SocketAccess access) {
  impl_->listeners.push_back(std::make_unique<Listener>(
      impl_->loop, std::move(socket), [impl = impl_.get()] { return impl->has_room(); },
      [impl = impl_.get(), access](base::Fd client, PeerCredentials peer) {
        impl->add_client(std::move(client), peer, access);
      }));
}

std::size_t Server::connection_count() const {
  return impl_->connections.size();
}

void Server::run_on_worker(std::function<void()> work) {
  impl_->pool.submit(Priority::Ordinary, [work = std::move(work)] {
    try {
      work();
    } catch (const std::exception& error) {
      base::log::error("background work: {}", error.what());
    }
  });
}

void Server::shut_down() {
  impl_->shut_down();
}

}  // namespace rpc
