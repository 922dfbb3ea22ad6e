// The admin program (virt-admin): this daemon's servers, their threads and clients, and its log. Everything is done on
// the loop thread, which owns all of it. Names of parameters are those of libvirt-admin.h.
#include "driver/calls_admin.hpp"

#include <grp.h>
#include <libvirt/libvirt-admin.h>
#include <pwd.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "driver/parameters.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using base::From;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

constexpr unsigned kMostWorkers = 1024;
constexpr unsigned kMostClients = 1u << 20;

using AdminParameters = std::vector<rpc::AdminTypedParam>;

/// The same list in the words of the other program.
Parameters from_admin(const AdminParameters& given) {
  Parameters params;
  for (const auto& one : given) params.push_back({one.field, one.value});
  return params;
}

const AdminServer& find_server(const AdminServers& servers, const std::string& name) {
  for (const auto& server : servers)
    if (server.name == name) return server;
  base::fail_from(From::Admin, Code::NoServer, "no server with matching name '", name, "' found");
}

rpc::ClientFacts require_client(const rpc::Server& server, std::uint64_t id) {
  const auto found = server.find_client(id);
  if (!found) base::fail_from(From::Admin, Code::NoClient, "no client with matching id ", id);
  return *found;
}

AdminParameters threads_of(const rpc::Server& server) {
  const auto figures = server.workers();
  return {{VIR_THREADPOOL_WORKERS_MIN, figures.limits.min},
          {VIR_THREADPOOL_WORKERS_MAX, figures.limits.max},
          {VIR_THREADPOOL_WORKERS_PRIORITY, figures.limits.priority},
          {VIR_THREADPOOL_WORKERS_FREE, figures.idle},
          {VIR_THREADPOOL_WORKERS_CURRENT, figures.running},
          {VIR_THREADPOOL_JOB_QUEUE_DEPTH, static_cast<unsigned>(figures.waiting)}};
}

/// `value`, or what is given under that name.
unsigned given_or(const Parameters& params, const char* name, unsigned value, unsigned low, unsigned high) {
  const auto* const given = find_parameter<std::uint32_t>(params, name);
  if (!given) return value;
  require_range(name, *given, low, high);
  return *given;
}

void set_threads(rpc::Server& server, const AdminParameters& given) {
  const Parameters params = from_admin(given);
  require_known(params, {{VIR_THREADPOOL_WORKERS_MIN, ParameterType::Uint},
                         {VIR_THREADPOOL_WORKERS_MAX, ParameterType::Uint},
                         {VIR_THREADPOOL_WORKERS_PRIORITY, ParameterType::Uint}});
  const auto now = server.workers().limits;
  const rpc::WorkerLimits limits{given_or(params, VIR_THREADPOOL_WORKERS_MIN, now.min, 0, kMostWorkers),
                                 given_or(params, VIR_THREADPOOL_WORKERS_MAX, now.max, 1, kMostWorkers),
                                 given_or(params, VIR_THREADPOOL_WORKERS_PRIORITY, now.priority, 0, kMostWorkers)};
  if (limits.min > limits.max)
    base::fail_from(From::Admin, Code::InvalidArg, "minimum of ", limits.min, " threads is above the maximum of ",
                    limits.max);
  server.set_worker_limits(limits);
}

AdminParameters client_limits_of(const rpc::Server& server) {
  return {{VIR_SERVER_CLIENTS_MAX, server.limits().max_clients},
          {VIR_SERVER_CLIENTS_CURRENT, static_cast<unsigned>(server.connection_count())},
          {VIR_SERVER_CLIENTS_UNAUTH_MAX, server.limits().max_anonymous_clients},
          {VIR_SERVER_CLIENTS_UNAUTH_CURRENT, static_cast<unsigned>(server.anonymous_count())}};
}

void set_client_limits(rpc::Server& server, const AdminParameters& given) {
  const Parameters params = from_admin(given);
  require_known(params,
                {{VIR_SERVER_CLIENTS_MAX, ParameterType::Uint}, {VIR_SERVER_CLIENTS_UNAUTH_MAX, ParameterType::Uint}});
  const auto& now = server.limits();
  const unsigned clients = given_or(params, VIR_SERVER_CLIENTS_MAX, now.max_clients, 1, kMostClients);
  const unsigned anonymous =
      given_or(params, VIR_SERVER_CLIENTS_UNAUTH_MAX, now.max_anonymous_clients, 1, kMostClients);
  if (anonymous > clients)
    base::fail_from(From::Admin, Code::InvalidArg, "maximum of ", anonymous,
                    " clients that have not authenticated is above that of all, ", clients);
  server.set_client_limits(clients, anonymous);
}

std::string user_name(uid_t uid) {
  const passwd* const entry = ::getpwuid(uid);
  return entry ? entry->pw_name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
  const group* const entry = ::getgrgid(gid);
  return entry ? entry->gr_name : std::to_string(gid);
}

AdminParameters info_of(const rpc::ClientFacts& client) {
  const auto& peer = client.peer;
  return {{VIR_CLIENT_INFO_READONLY, client.read_only},
          {VIR_CLIENT_INFO_UNIX_USER_ID, static_cast<std::int32_t>(peer.uid)},
          {VIR_CLIENT_INFO_UNIX_USER_NAME, user_name(peer.uid)},
          {VIR_CLIENT_INFO_UNIX_GROUP_ID, static_cast<std::int32_t>(peer.gid)},
          {VIR_CLIENT_INFO_UNIX_GROUP_NAME, group_name(peer.gid)},
          {VIR_CLIENT_INFO_UNIX_PROCESS_ID, static_cast<std::int32_t>(peer.pid)}};
}

rpc::AdminNonnullClient to_wire(const AdminServer& server, const rpc::ClientFacts& client) {
  return {{server.name}, client.id, client.since, VIR_CLIENT_TRANS_UNIX};
}

rpc::AdminServerListClientsRet list_clients(const AdminServer& server, bool wanted) {
  const auto clients = server.server->clients();
  rpc::AdminServerListClientsRet answer;
  answer.ret = static_cast<std::uint32_t>(clients.size());
  if (wanted)
    for (const auto& client : clients)
      if (answer.clients.size() < rpc::kAdminClientListMax) answer.clients.push_back(to_wire(server, client));
  return answer;
}

void set_log_filters(const std::string& text) {
  auto filters = base::log::parse_filters(text);
  if (!filters) base::fail_from(From::Admin, Code::InvalidArg, "malformed log filters '", text, "'");
  base::log::set_filters(std::move(*filters));
}

void set_log_outputs(const std::string& text) {
  auto outputs = base::log::parse_outputs(text);
  if (!outputs) base::fail_from(From::Admin, Code::InvalidArg, "malformed log outputs '", text, "'");
  base::log::set_outputs(std::move(*outputs));
}

void add_server_calls(rpc::ProcedureTable& table, const AdminServers& servers) {
  table.on<proc::AdminConnectListServers>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectListServers");
    rpc::AdminConnectListServersRet answer;
    if (args.need_results)
      for (const auto& server : servers) answer.servers.push_back({server.name});
    answer.ret = static_cast<std::uint32_t>(servers.size());
    return answer;
  });
  table.on<proc::AdminConnectLookupServer>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectLookupServer");
    return rpc::AdminConnectLookupServerRet{{find_server(servers, args.name).name}};
  });
  table.on<proc::AdminServerGetThreadpoolParameters>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmServerGetThreadPoolParameters");
    return rpc::AdminServerGetThreadpoolParametersRet{threads_of(*find_server(servers, args.srv.name).server)};
  });
  table.on<proc::AdminServerSetThreadpoolParameters>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmServerSetThreadPoolParameters");
    set_threads(*find_server(servers, args.srv.name).server, args.params);
    return Nothing{};
  });
  table.on<proc::AdminServerGetClientLimits>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmServerGetClientLimits");
    return rpc::AdminServerGetClientLimitsRet{client_limits_of(*find_server(servers, args.srv.name).server)};
  });
  table.on<proc::AdminServerSetClientLimits>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmServerSetClientLimits");
    set_client_limits(*find_server(servers, args.srv.name).server, args.params);
    return Nothing{};
  });
  table.on<proc::AdminServerUpdateTlsFiles>(Run::Inline, [&](Call&, const auto& args) -> Nothing {
    base::fail_from(From::Admin, Code::OperationUnsupported, "server '", find_server(servers, args.srv.name).name,
                    "' has no TLS");
  });
}

void add_client_calls(rpc::ProcedureTable& table, const AdminServers& servers) {
  table.on<proc::AdminServerListClients>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmServerListClients");
    return list_clients(find_server(servers, args.srv.name), args.need_results != 0);
  });
  table.on<proc::AdminServerLookupClient>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmServerLookupClient");
    const auto& server = find_server(servers, args.srv.name);
    return rpc::AdminServerLookupClientRet{to_wire(server, require_client(*server.server, args.id))};
  });
  table.on<proc::AdminClientGetInfo>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmClientGetInfo");
    return rpc::AdminClientGetInfoRet{
        info_of(require_client(*find_server(servers, args.clnt.srv.name).server, args.clnt.id))};
  });
  table.on<proc::AdminClientClose>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmClientClose");
    auto& server = *find_server(servers, args.clnt.srv.name).server;
    require_client(server, args.clnt.id);
    server.disconnect(args.clnt.id);
    return Nothing{};
  });
}

void add_log_calls(rpc::ProcedureTable& table) {
  table.on<proc::AdminConnectGetLoggingOutputs>(Run::Inline, [](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectGetLoggingOutputs");
    const auto outputs = base::log::outputs();
    return rpc::AdminConnectGetLoggingOutputsRet{base::log::format_outputs(outputs),
                                                 static_cast<std::uint32_t>(outputs.size())};
  });
  table.on<proc::AdminConnectGetLoggingFilters>(Run::Inline, [](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectGetLoggingFilters");
    const auto filters = base::log::filters();
    rpc::AdminConnectGetLoggingFiltersRet answer;
    if (!filters.empty()) answer.filters = base::log::format_filters(filters);
    answer.nfilters = static_cast<std::uint32_t>(filters.size());
    return answer;
  });
  table.on<proc::AdminConnectSetLoggingOutputs>(Run::Inline, [](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectSetLoggingOutputs");
    set_log_outputs(args.outputs.value_or(""));
    return Nothing{};
  });
  table.on<proc::AdminConnectSetLoggingFilters>(Run::Inline, [](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectSetLoggingFilters");
    set_log_filters(args.filters.value_or(""));
    return Nothing{};
  });
}

}  // namespace

void add_admin_calls(rpc::ProcedureTable& table, const AdminServers& servers,
                     const std::function<void(std::chrono::seconds)>& set_timeout) {
  table.on<proc::AdminConnectOpen>(Run::Inline, [](Call& call, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectOpen");
    call.connection->mark_open(false);
    return Nothing{};
  });
  table.on<proc::AdminConnectClose>(Run::Inline, [](Call&, const auto&) { return Nothing{}; });
  table.on<proc::AdminConnectGetLibVersion>(
      Run::Inline, [](Call&, const auto&) { return rpc::AdminConnectGetLibVersionRet{LIBVIR_VERSION_NUMBER}; });
  table.on<proc::AdminConnectSetDaemonTimeout>(Run::Inline, [set_timeout](Call&, const auto& args) {
    require_flags(args.flags, 0, "virAdmConnectSetDaemonTimeout");
    set_timeout(std::chrono::seconds(args.timeout));
    return Nothing{};
  });
  add_server_calls(table, servers);
  add_client_calls(table, servers);
  add_log_calls(table);
}

void greet_administrator(rpc::Connection& connection) {
  if (connection.peer().uid != 0 && connection.peer().uid != ::geteuid())
    base::fail_from(From::Admin, Code::AuthFailed, "uid ", connection.peer().uid, " is no administrator");
  connection.mark_authenticated();
}

}  // namespace driver
