// Everything one daemon is made of, in the order it depends on each other, and the order of starting and ending.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "driver/access.hpp"
#include "driver/backend.hpp"
#include "driver/calls.hpp"
#include "driver/calls_admin.hpp"
#include "driver/config.hpp"
#include "driver/dhcp_leases.hpp"
#include "driver/domain_registry.hpp"
#include "driver/event_hub.hpp"
#include "driver/filter_bindings.hpp"
#include "driver/hooks.hpp"
#include "driver/id_maps.hpp"
#include "driver/kept_files.hpp"
#include "driver/network_ports.hpp"
#include "driver/outside_releases.hpp"
#include "driver/paths.hpp"
#include "driver/recovery.hpp"
#include "driver/siblings.hpp"
#include "driver/sockets.hpp"
#include "driver/state_dump.hpp"
#include "driver/storage_volumes.hpp"
#include "driver/store.hpp"
#include "rpc/procedure_table.hpp"
#include "rpc/server.hpp"

namespace driver {

class Daemon {
 public:
  /// The backend gets the daemon's loop when it is made.
  using MakeBackend = std::function<std::unique_ptr<Backend>(base::EventLoop&)>;
  Daemon(const Paths& paths, const Config& config, const std::string& emulator, const std::string& schema,
         const MakeBackend& make_backend);
  ~Daemon();

  /// Takes over what an earlier daemon left, loads definitions, listens, autostarts. Ready when it returns.
  void start(Sockets sockets);
  /// Until SIGTERM, SIGINT, stop() or `timeout` without clients and running domains (0: no limit).
  void run(std::chrono::seconds timeout);
  void stop() { loop_.stop(); }
  base::EventLoop& loop() { return loop_; }
  const rpc::ProcedureTable& table() const { return table_; }
  /// Descriptors of a running domain's namespaces. Throws NoDomain or OperationInvalid.
  std::vector<base::Fd> open_namespaces(const std::string& domain) const;

 private:
  void load_new_definitions(bool announce);
  void autostart();
  void add_admin_server(const Config& config);
  void watch_signals();
  void set_timeout(std::chrono::seconds timeout);
  void watch_idleness();

  base::EventLoop loop_;
  Store store_;
  EventHub events_;
  DomainRegistry registry_;
  IdMaps id_maps_;
  std::unique_ptr<Backend> backend_;
  Siblings siblings_;
  NetworkPorts network_ports_;
  StorageVolumes storage_volumes_;
  FilterBindings filter_bindings_;
  OutsideReleases releases_;
  DhcpLeases dhcp_leases_;
  KeptFiles kept_files_;
  Hooks hooks_;
  Services services_;
  Recovery recovery_;
  Access access_;
  rpc::ProcedureTable table_;
  std::unique_ptr<rpc::Server> server_;
  rpc::ProcedureTable admin_table_{rpc::kAdminProgram};
  std::unique_ptr<rpc::Server> admin_server_;
  AdminServers servers_;
  std::unique_ptr<StateDump> state_dump_;
  std::chrono::seconds timeout_{0};
  std::vector<base::Watch> signals_;
  base::Watch idle_timer_, autostart_again_;
};

/// Holds the lock that says "one daemon per root"; throws OperationInvalid naming the other one's pid.
base::Fd lock_root(const Paths& paths);

}  // namespace driver
