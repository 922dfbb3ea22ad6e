// What a daemon is at, as text for people: asked for by SIGUSR1, written to a file beside the live state. A thread of
// its own writes it, which waits for nobody: what is stuck is said to be.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/activity.hpp"
#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "driver/calls_admin.hpp"
#include "driver/domain_registry.hpp"

namespace driver {

/// One server with its clients, as the loop thread knows them.
struct ServerFacts {
  std::string name;
  rpc::WorkerFigures workers;
  unsigned max_clients = 0;
  std::vector<rpc::ClientFacts> clients;
};

// The parts of the text; pure.
std::string format_server(const ServerFacts& server, std::int64_t now);
/// `waits_in`: the kernel's function, empty when the thread runs.
std::string format_thread(const base::Doing& doing, std::chrono::steady_clock::time_point now,
                          const std::string& waits_in);
std::string format_domain(const Domain::Glimpse& domain);

class StateDump {
 public:
  /// Before any thread is started: SIGUSR1 is blocked in this one and those that it starts.
  StateDump(std::string path, const DomainRegistry& registry, base::EventLoop& loop, const AdminServers& servers);
  ~StateDump();
  StateDump(const StateDump&) = delete;
  StateDump& operator=(const StateDump&) = delete;

 private:
  void run();
  void write() const;
  std::string text() const;
  std::string servers_text() const;
  std::string domains_text() const;

  const std::string path_;
  const DomainRegistry& registry_;
  base::EventLoop& loop_;
  const AdminServers& servers_;
  base::Fd signals_, end_;
  std::thread thread_;
};

}  // namespace driver
