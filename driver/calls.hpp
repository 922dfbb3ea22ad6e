// The API's calls, one short handler each; every function adds one area's handlers to the table.
#pragma once

#include "base/event_loop.hpp"
#include "driver/domain.hpp"
#include "driver/event_hub.hpp"
#include "rpc/procedure_table.hpp"

namespace driver {

/// What the connection calls answer from.
struct HostAnswers {
  std::string driver_name;  // "lxcell" or "lxc": the URI's scheme
};

void add_connect_calls(rpc::ProcedureTable& table, Services& services, const HostAnswers& host, EventHub& events);
void add_domain_calls(rpc::ProcedureTable& table, Services& services);
void add_domain_query_calls(rpc::ProcedureTable& table, Services& services);
void add_domain_list_calls(rpc::ProcedureTable& table, Services& services);
void add_cpu_calls(rpc::ProcedureTable& table, Services& services);
void add_native_calls(rpc::ProcedureTable& table, Services& services);
void add_node_calls(rpc::ProcedureTable& table, Services& services);
void add_stats_calls(rpc::ProcedureTable& table, Services& services);
void add_tuning_calls(rpc::ProcedureTable& table, Services& services);
void add_io_tune_calls(rpc::ProcedureTable& table, Services& services);
void add_memory_calls(rpc::ProcedureTable& table, Services& services);
void add_vcpu_calls(rpc::ProcedureTable& table, Services& services);
void add_job_calls(rpc::ProcedureTable& table, Services& services);
void add_guest_calls(rpc::ProcedureTable& table, Services& services);
void add_device_calls(rpc::ProcedureTable& table, Services& services);
void add_interface_calls(rpc::ProcedureTable& table, Services& services);
void add_console_calls(rpc::ProcedureTable& table, Services& services);
void add_event_calls(rpc::ProcedureTable& table, Services& services, EventHub& events);

}  // namespace driver
