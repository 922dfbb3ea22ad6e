#include "rpc/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/activity.hpp"
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
        log(event_loop),
        pool(limits.workers, limits.priority_workers),
        host{.loop = event_loop,
             .table = table,
             .limits = limits,
             .read_buffer = std::vector<char>(kReadBufferBytes),
             .guard = owner.guard,
             .log = log,
             .submit = [this](Priority priority, std::uint64_t client,
                              std::function<void()> work) { pool.submit(priority, std::move(work), client); },
             .complete = [this](std::function<void()> result) { complete(std::move(result)); },
             .on_authenticated =
                 [this](ClientConnection& connection) {
                   anonymous.erase(connection.id());
                   start_waiting();
                 },
             .on_gone = [this](ClientConnection& connection) { forget(connection.id()); }} {}

  bool has_room() const;
  /// May `uid` have one more of `most`, of which it has `has`? No single user takes them all from the others.
  static bool within_share(uid_t uid, std::size_t has, unsigned most);
  std::size_t count_anonymous_of(uid_t uid) const;
  void start_waiting();
  void add_client(base::Fd socket, PeerCredentials peer, SocketAccess access);
  void forget(std::uint64_t id);
  void resume_listeners();
  void notify_count() const;
  void complete(std::function<void()> result);
  void run_completed();
  void shut_down();

  Server& server;
  ServerLimits limits;
  base::EventLoop& loop;
  ClientLog log;
  WorkerPool pool;
  ConnectionHost host;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::map<std::uint64_t, std::shared_ptr<ClientConnection>> connections;
  std::map<uid_t, std::size_t> clients_of;
  std::map<std::uint64_t, uid_t> anonymous;               // those that have not authenticated, by id
  std::deque<std::shared_ptr<ClientConnection>> waiting;  // for room to authenticate: nothing is read from them
  std::uint64_t next_id = 1;
  uid_t crowded = 0;  // whose clients were turned away last: said once in the log
  bool stopped = false;

  // Posted closures look at this first: the loop may run them when the server is no more.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  std::mutex completed_mutex;
  std::vector<std::function<void()>> completed;
};

bool Server::Impl::has_room() const {
  return connections.size() < limits.max_clients;
}

bool Server::Impl::within_share(uid_t uid, std::size_t has, unsigned most) {
  return has < most && (uid == 0 || uid == ::geteuid() || has < (most + 1) / 2);
}

std::size_t Server::Impl::count_anonymous_of(uid_t uid) const {
  return static_cast<std::size_t>(
      std::count_if(anonymous.begin(), anonymous.end(), [uid](const auto& one) { return one.second == uid; }));
}

void Server::Impl::start_waiting() {
  for (auto& connection : std::exchange(waiting, {})) {
    const uid_t uid = connection->peer().uid;
    if (anonymous.size() >= limits.max_anonymous_clients ||
        !within_share(uid, count_anonymous_of(uid), limits.max_anonymous_clients)) {
      waiting.push_back(std::move(connection));
      continue;
    }
    anonymous.emplace(connection->id(), uid);
    connection->start();
  }
}

void Server::Impl::add_client(base::Fd socket, PeerCredentials peer, SocketAccess access) {
  std::size_t& has = clients_of[peer.uid];
  if (!within_share(peer.uid, has, limits.max_clients)) {
    if (std::exchange(crowded, peer.uid) != peer.uid)
      base::log::warning("clients of uid {} are turned away: it has {} of {}", peer.uid, has, limits.max_clients);
    return;
  }
  ++has;
  const auto connection = std::make_shared<ClientConnection>(host, std::move(socket), next_id++, peer, access);
  connections.emplace(connection->id(), connection);
  try {
    if (server.on_connection) server.on_connection(*connection);
    if (connection->authenticated())
      connection->start();
    else
      waiting.push_back(connection);
    start_waiting();
  } catch (const std::exception& error) {
    return connection->close(error.what());
  }
  notify_count();
}

void Server::Impl::forget(std::uint64_t id) {
  if (const auto found = connections.find(id); found != connections.end()) {
    const auto of = clients_of.find(found->second->peer().uid);
    if (--of->second == 0) clients_of.erase(of);
    connections.erase(found);
  }
  anonymous.erase(id);
  if (stopped) return;
  start_waiting();
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
  const std::scoped_lock lock(completed_mutex);
  // Told first: without memory for that nothing has happened, and a loop that finds nothing yet is not harmed.
  if (completed.empty())
    loop.post([this, guard = alive] {
      if (*guard) run_completed();
    });
  completed.push_back(std::move(result));
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
  waiting.clear();
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

std::vector<ClientFacts> Server::clients() const {
  std::vector<ClientFacts> found;
  for (const auto& [id, connection] : impl_->connections) found.push_back(connection->facts());
  return found;
}

std::optional<ClientFacts> Server::find_client(std::uint64_t id) const {
  const auto found = impl_->connections.find(id);
  if (found == impl_->connections.end()) return std::nullopt;
  return found->second->facts();
}

bool Server::disconnect(std::uint64_t id) {
  const auto found = impl_->connections.find(id);
  if (found == impl_->connections.end()) return false;
  found->second->drop("an administrator disconnected it");
  return true;
}

const ServerLimits& Server::limits() const {
  return impl_->limits;
}

void Server::set_client_limits(unsigned max_clients, unsigned max_anonymous_clients) {
  impl_->limits.max_clients = max_clients;
  impl_->limits.max_anonymous_clients = max_anonymous_clients;
  impl_->start_waiting();
  impl_->resume_listeners();
}

std::size_t Server::anonymous_count() const {
  return impl_->anonymous.size() + impl_->waiting.size();
}

WorkerFigures Server::workers() const {
  return impl_->pool.figures();
}

void Server::set_worker_limits(WorkerLimits limits) {
  impl_->pool.set_limits(limits);
}

void Server::run_on_worker(std::function<void()> work) {
  impl_->pool.submit(Priority::Ordinary, [work = std::move(work)] {
    const base::Activity activity("background work");
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
