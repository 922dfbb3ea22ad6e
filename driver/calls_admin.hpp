// What virt-admin(1) asks of a daemon, on the socket for administrators.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "rpc/procedure_table.hpp"
#include "rpc/server.hpp"

namespace driver {

struct AdminServer {
  std::string name;
  rpc::Server* server = nullptr;
};
using AdminServers = std::vector<AdminServer>;

/// `servers` outlives the table. Every handler runs on the loop thread.
void add_admin_calls(rpc::ProcedureTable& table, const AdminServers& servers,
                     const std::function<void(std::chrono::seconds)>& set_timeout);

/// For Server::on_connection. Throws AuthFailed for whoever is not root (SO_PEERCRED), whatever the socket's mode lets
/// in.
void greet_administrator(rpc::Connection& connection);

}  // namespace driver
