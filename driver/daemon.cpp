#include "driver/daemon.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"
#include "domain-xml/defaults.hpp"

namespace driver {
namespace {

constexpr std::chrono::seconds kAskAgain{1};

std::string host_arch() {
  utsname name{};
  return ::uname(&name) == 0 ? name.machine : "x86_64";
}

}  // namespace

Daemon::Daemon(const Paths& paths, const Config& config, const std::string& emulator, const std::string& schema,
               const MakeBackend& make_backend)
    : store_(paths),
      id_maps_(registry_, paths.root, config.idmap_user,
               config.default_idmap == Config::DefaultIdMap::Automatic ? WhoNamesNoIds::HasAnAutomaticMap
                                                                       : WhoNamesNoIds::HasTheHosts),
      backend_(make_backend(loop_)),
      siblings_(sibling_sockets(paths, config), config.sibling_timeout),
      network_ports_(siblings_),
      storage_volumes_(siblings_),
      filter_bindings_(siblings_),
      releases_(network_ports_, filter_bindings_, paths.run + "/to-be-released"),
      dhcp_leases_(siblings_),
      kept_files_(loop_, registry_, [this](std::function<void()> work) { server_->run_on_worker(std::move(work)); }),
      hooks_(paths.hooks),
      services_{*backend_,
                store_,
                events_,
                registry_,
                id_maps_,
                network_ports_,
                storage_volumes_,
                filter_bindings_,
                releases_,
                dhcp_leases_,
                kept_files_,
                hooks_,
                loop_,
                [this](std::function<void()> work) { server_->run_on_worker(std::move(work)); },
                {host_arch(), emulator, backend_->security_model()},
                schema,
                paths.logs},
      recovery_(services_),
      access_(config, services_) {
  add_connect_calls(table_, services_, {config.driver_name}, events_);
  add_domain_calls(table_, services_);
  add_domain_query_calls(table_, services_);
  add_domain_list_calls(table_, services_);
  add_cpu_calls(table_, services_);
  add_native_calls(table_, services_);
  add_node_calls(table_, services_);
  add_stats_calls(table_, services_);
  add_tuning_calls(table_, services_);
  add_io_tune_calls(table_, services_);
  add_memory_calls(table_, services_);
  add_vcpu_calls(table_, services_);
  add_job_calls(table_, services_);
  add_guest_calls(table_, services_);
  add_device_calls(table_, services_);
  add_interface_calls(table_, services_);
  add_console_calls(table_, services_);
  add_event_calls(table_, services_, events_);
  siblings_.add_calls(table_);
  watch_signals();  // before the server starts threads, which inherit the blocked signals
  state_dump_ = std::make_unique<StateDump>(paths.run + "/state.txt", registry_, loop_, servers_);
  server_ = std::make_unique<rpc::Server>(loop_, table_, config.limits);
  server_->on_connection = [this](rpc::Connection& connection) { access_.greet(connection); };
  if (config.min_workers > 0)
    server_->set_worker_limits({std::min(config.min_workers, server_->workers().limits.max),
                                server_->workers().limits.max, server_->workers().limits.priority});
  add_admin_server(config);
  if (!access_.guards()) return;
  server_->guard = [this](rpc::Call& call, const rpc::ProcedureInfo& info, std::string_view payload, auto decided) {
    access_.guard(call, info, payload, std::move(decided));
  };
  events_.ask_first = [this](const auto& connection, const DomainIdentity& domain, auto send_later) {
    return access_.ask_first(connection, domain, std::move(send_later));
  };
}

void Daemon::add_admin_server(const Config& config) {
  admin_server_ = std::make_unique<rpc::Server>(loop_, admin_table_, config.admin_limits);
  admin_server_->on_connection = greet_administrator;
  servers_ = {{"virt" + config.driver_name + "d", server_.get()}, {"admin", admin_server_.get()}};
  add_admin_calls(admin_table_, servers_, [this](std::chrono::seconds timeout) { set_timeout(timeout); });
}

/// Containers go on running: only the daemon's view of them ends here.
Daemon::~Daemon() {
  state_dump_.reset();
  admin_server_.reset();
  server_->shut_down();
  access_.stop();  // what waits for polkit belongs to connections of the server
  server_.reset();
}

void Daemon::start(Sockets sockets) {
  load_new_definitions(false);
  recovery_.begin();
  if (sockets.read_write) server_->listen(std::move(sockets.read_write), rpc::SocketAccess::ReadWrite);
  if (sockets.read_only) server_->listen(std::move(sockets.read_only), rpc::SocketAccess::ReadOnly);
  if (sockets.admin) admin_server_->listen(std::move(sockets.admin), rpc::SocketAccess::ReadWrite);
  autostart();
  server_->run_on_worker([this] { recovery_.drop_strays(); });
}

std::vector<base::Fd> Daemon::open_namespaces(const std::string& domain) const {
  const auto found = registry_.find(domain);
  if (!found) base::fail(base::Code::NoDomain, "no domain with matching name '", domain, "'");
  const auto running = found->snapshot().running;
  if (!running) base::fail(base::Code::OperationInvalid, "domain '", domain, "' is not running");
  return running->open_namespaces();
}

void Daemon::load_new_definitions(bool announce) {
  for (auto& definition : store_.load_definitions()) {
    try {
      if (const auto known = registry_.find(definition.uuid)) {
        if (known->name() != definition.name)
          base::log::warning("definition of domain '{}' is left out: its uuid is that of domain '{}'", definition.name,
                             known->name());
        continue;
      }
      const bool with_host = store_.autostart(definition.name);
      domain_xml::apply_defaults(definition, services_.defaults);
      const auto domain = registry_.reserve(services_, definition.name, definition.uuid);
      domain->load(std::move(definition), with_host);
      if (announce)
        events_.publish(domain->identity(), LifecycleEvent{VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_ADDED});
    } catch (const std::exception& error) {
      base::log::error("cannot load definition of domain '{}': {}", definition.name, error.what());
    }
  }
}

void Daemon::autostart() {
  try {
    if (!store_.first_start_since_boot()) return;
  } catch (const base::Error& error) {
    base::log::error("cannot find out which domains are to start with the host, trying again: {}", error.message());
    autostart_again_ = loop_.after(kAskAgain, [this] { autostart(); });
    return;
  }
  for (const auto& domain : registry_.all()) {
    const auto now = domain->snapshot();
    if (!now.autostart || now.status.active()) continue;
    server_->run_on_worker([domain] {
      try {
        domain->start(std::nullopt, {});
      } catch (const std::exception& error) {
        base::log::error("cannot autostart domain '{}': {}", domain->name(), error.what());
      }
    });
  }
}

void Daemon::watch_signals() {
  const auto watch = [this](int number, const std::function<void()>& call) {
    signals_.push_back(base::with_second_try([&] { return loop_.on_signal(number, call); }));
  };
  watch(SIGTERM, [this] { loop_.stop(); });
  watch(SIGINT, [this] { loop_.stop(); });
  watch(SIGHUP, [this] { server_->run_on_worker([this] { load_new_definitions(true); }); });
}

void Daemon::run(std::chrono::seconds timeout) {
  server_->on_connection_count = [this](std::size_t) { watch_idleness(); };
  set_timeout(timeout);
  loop_.run();
}

void Daemon::set_timeout(std::chrono::seconds timeout) {
  timeout_ = timeout;
  watch_idleness();
}

/// Ends the daemon after the timeout unless a client or a running domain appears.
void Daemon::watch_idleness() {
  idle_timer_ = {};
  if (timeout_.count() == 0 || server_->connection_count() > 0) return;
  idle_timer_ = loop_.after(timeout_, [this] {
    for (const auto& domain : registry_.all())
      if (domain->snapshot().status.active()) {
        watch_idleness();
        return;
      }
    loop_.stop();
  });
}

base::Fd lock_root(const Paths& paths) {
  make_directories(paths.run, 0755);
  const std::string path = paths.run + "/driver.pid";
  base::Fd fd = base::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) base::fail_errno(base::Code::SystemError, "cannot lock '", path, "'");
    std::string other = base::read_all(fd.get());
    while (!other.empty() && other.back() == '\n') other.pop_back();
    base::fail(base::Code::OperationInvalid, "another virtlxcelld is running with this root",
               other.empty() ? "" : " (pid " + other + ")", ": '", path, "' is locked");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";  // which only a second daemon's error needs
  if (::ftruncate(fd.get(), 0) == 0) [[maybe_unused]]
    const ssize_t put = ::write(fd.get(), pid.data(), pid.size());
  return fd;
}

}  // namespace driver
