// One domain: its definitions, its state, the container behind it. Reading never waits: the mutex is held for moments
// only. Changing takes the domain's job, one at a time, on a worker thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/activity.hpp"
#include "base/event_loop.hpp"
#include "container/running.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/definition.hpp"
#include "driver/backend.hpp"
#include "driver/device_edits.hpp"
#include "driver/domain_state.hpp"
#include "driver/events.hpp"
#include "driver/outside.hpp"
#include "driver/store.hpp"

namespace driver {

class DomainRegistry;
class IdMaps;
class FilterBindings;
class DhcpLeases;
class Hooks;
class NetworkPorts;
class OutsideReleases;
class KeptFiles;
class StorageVolumes;

/// What a domain needs of the daemon around it.
struct Services {
  Backend& backend;
  Store& store;
  EventSink& events;
  DomainRegistry& registry;
  IdMaps& id_maps;
  NetworkPorts& network_ports;
  StorageVolumes& storage_volumes;
  FilterBindings& filter_bindings;
  OutsideReleases& releases;
  DhcpLeases& dhcp_leases;
  KeptFiles& kept_files;
  const Hooks& hooks;
  base::EventLoop& loop;
  /// Runs blocking work on a worker thread. Any thread.
  std::function<void(std::function<void()>)> run_on_worker;
  domain_xml::DefaultsContext defaults;
  std::string schema_path;  // lxcell-domain.rng, for VALIDATE flags
  std::string logs;         // the folder with each domain's NAME.log
};

using DefinitionPtr = std::shared_ptr<const domain_xml::DomainDefinition>;
inline DefinitionPtr share(domain_xml::DomainDefinition definition) {
  return std::make_shared<const domain_xml::DomainDefinition>(std::move(definition));
}

/// How a run begins.
struct StartOptions {
  std::uint64_t autodestroy_owner = 0;  // the connection whose end ends this run, 0 for none
  bool paused = false;                  // frozen as soon as init has been executed
};

/// What lists choose by.
struct DomainStanding {
  int id = -1;
  Status status;
  bool persistent = false, autostart = false;
};

/// A consistent copy of a domain at one moment.
struct DomainSnapshot {
  DomainIdentity identity;
  Status status;
  bool persistent = false;
  bool autostart = false;
  DefinitionPtr live;    // while active
  DefinitionPtr config;  // next boot's, while persistent
  std::shared_ptr<container::Running> running;
  DomainStanding standing() const { return {identity.id, status, persistent, autostart}; }
  /// The definition clients see without flags. Throws NoDomain when the domain has just gone for good.
  const domain_xml::DomainDefinition& current() const;
};

/// Which of a domain's two definitions a call with VIR_DOMAIN_AFFECT_* flags means.
struct Affected {
  bool live = false, config = false;
};
/// CURRENT means live while running, else config. Throws OperationInvalid for LIVE on a shut-off and CONFIG on a
/// transient domain.
Affected require_affected(const DomainSnapshot& domain, std::uint32_t flags);

/// Throws what is wrong with the change.
using DefinitionEdit = std::function<void(domain_xml::DomainDefinition&)>;
/// Takes a device out of a definition.
using DeviceRemoval = std::function<domain_xml::Device(domain_xml::DomainDefinition&, Form)>;
/// Changes a device of a definition.
using DeviceReplacement = std::function<DeviceUpdate(domain_xml::DomainDefinition&, Form)>;

enum class DefineOutcome { Added, Updated };
enum class SignalChannel { Initctl = 1, Signal = 2, Any = 3 };

class Domain : public std::enable_shared_from_this<Domain> {
 public:
  Domain(Services& services, std::string name, base::Uuid uuid);

  DomainSnapshot snapshot() const;
  DomainStanding standing() const;
  /// Whether the next boot's definition is another than this run was started from.
  bool updated() const;
  DomainIdentity identity() const;
  const std::string& name() const { return name_; }
  const base::Uuid& uuid() const { return uuid_; }
  /// How long the change that is under way has taken so far; nullopt when there is none.
  std::optional<std::chrono::milliseconds> job_age() const;
  struct Glimpse {
    DomainIdentity identity;
    Status status;
    bool persistent = false, autostart = false;
    std::optional<base::Doing> job;  // who makes the change that is under way
    std::optional<std::chrono::milliseconds> job_age;
  };
  /// What can be told without waiting for anybody; nullopt when a thread holds the domain for that moment, or for ever.
  std::optional<Glimpse> glimpse() const;
  /// False until the first define or create succeeded, and after the last trace is gone.
  bool listed() const;

  // Everything below changes the domain and may block: worker threads only.

  /// nullopt when the domain vanished meanwhile: look it up (or reserve it) again.
  std::optional<DefineOutcome> define(domain_xml::DomainDefinition definition);
  void undefine();
  /// A shut-off domain goes on under `name` as another object with the same uuid; this one is gone. Throws
  /// OperationInvalid when it runs, is transient or the name is taken.
  void rename(const std::string& name);
  /// `given`: a definition for this run only. `files`: what init of this run has as descriptors 3, 4 ... False when the
  /// domain vanished meanwhile.
  bool start(std::optional<domain_xml::DomainDefinition> given, const StartOptions& options,
             const std::vector<base::Fd>& files = {});
  void destroy();
  /// Asks init to power off and waits for it. Throws OperationInvalid when it is paused, SystemError (EBUSY) when it
  /// goes on after `limit`.
  void destroy_gracefully(std::chrono::milliseconds limit);
  void destroy_if_owned_by(std::uint64_t autodestroy_owner);
  void shutdown(SignalChannel channel);
  void reboot(SignalChannel channel);
  /// As a reset button: killed and started again, told as a reboot.
  void reset();
  void suspend();
  void resume();
  /// Running::freeze_file_systems(), of which a later daemon knows.
  unsigned freeze_file_systems(const std::vector<std::string>& paths);
  void set_autostart(bool enabled);
  /// Signal to init; `pid` must be 1.
  void signal_init(int number);
  /// Changes the definition that runs and what the kernel enforces of it, the next boot's, or both, as
  /// VIR_DOMAIN_AFFECT_* `flags` say, by the same function. All or nothing; `event` is published at the end.
  void change(const DefinitionEdit& edit, std::uint32_t flags, const std::optional<Event>& event = {});

  // Devices come, go and change like limits: in the definition that runs, the next boot's or both. All or nothing.

  /// `device`: with all defaults, which both definitions share.
  void attach_device(const domain_xml::Device& device, std::uint32_t flags);
  void detach_device(const DeviceRemoval& remove, std::uint32_t flags);
  void update_device(const DeviceReplacement& replace, std::uint32_t flags);

  // Daemon start.
  void load(domain_xml::DomainDefinition definition, bool autostart);
  /// Takes over what an earlier daemon left running, which the store keeps no longer then; false when it is gone.
  /// `event` tells clients that were there before.
  bool adopt(const SavedStatus& saved, const std::optional<Event>& event = {});
  /// Ends what an earlier daemon had of libvirt's other drivers for this domain and it does not run with.
  void drop_strays(const Outside& found);

 private:
  class Job;
  struct LiveChange;
  void change_devices(std::uint32_t flags, const DefinitionEdit& edit_config,
                      const std::function<LiveChange(const DomainSnapshot&)>& change_live);
  void attach_guarded(container::Running& running, const domain_xml::DomainDefinition& owner,
                      domain_xml::Interface& interface) const;
  static void change_nodes(const DomainSnapshot& now, LiveChange& change);
  void change_filesystems(const DomainSnapshot& now, LiveChange& change) const;
  LiveChange attach_live(const DomainSnapshot& now, const domain_xml::Device& device) const;
  LiveChange detach_live(const DomainSnapshot& now, const DeviceRemoval& remove) const;
  LiveChange update_live(const DomainSnapshot& now, const DeviceReplacement& replace) const;
  void update_guarded(container::Running& running, const domain_xml::DomainDefinition& owner,
                      const domain_xml::Interface& before, const domain_xml::Interface& after) const;
  void change_guard(const domain_xml::DomainDefinition& owner, const domain_xml::Interface& interface) const;
  void transition(Status status, const std::optional<Event>& event);
  enum class AfterEnd { Nothing, Restart };
  void run_guest(domain_xml::DomainDefinition definition, const std::optional<Event>& event,
                 const std::vector<base::Fd>& files = {}, AfterEnd intent = AfterEnd::Nothing);
  bool run_again(const domain_xml::DomainDefinition& live, const Event& event);
  void watch_end();
  void guest_ended(std::uint64_t run, container::ExitRecord exit);
  /// Ends what a container had of libvirt's other drivers. Never throws; what cannot be ended now is ended later.
  void release(const Outside& outside) const noexcept;
  void clean_up_run(const DomainSnapshot& run) const;
  void forget_run(int shutoff_reason);
  void forget_and_tell(int shutoff_reason, int stopped_detail);
  void note_end(int shutoff_reason, AfterEnd next) const noexcept;
  void stop_and_tell(int shutoff_reason, int stopped_detail, AfterEnd next);
  void finish_adopted(const SavedStatus& saved);
  void pause_first();
  void finish_stop(int shutoff_reason, int stopped_detail);
  void restart(const EndVerdict& verdict);
  void drop_if_unused();
  void thaw_leftovers(container::Running& running) const;
  void save_live();
  void save_live(const domain_xml::DomainDefinition& live) const;
  domain_xml::DomainDefinition without_unfinished(container::Running& running, domain_xml::DomainDefinition live) const;
  std::shared_ptr<container::Running> require_running() const;
  void tell_init(SignalChannel channel, char runlevel, int (*signal_of)(container::InitKind), const char* what);

  Services& services_;
  const std::string name_;
  const base::Uuid uuid_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable job_free_;
  bool job_taken_ = false;
  std::chrono::steady_clock::time_point job_taken_at_;
  base::Doing job_of_;
  bool listed_ = false;
  bool gone_ = false;  // no longer in the registry
  Status status_;
  int id_ = -1;
  bool autostart_ = false;
  bool shutdown_requested_ = false;
  bool froze_ = false;  // in this run
  DefinitionPtr live_, config_;
  std::shared_ptr<container::Running> running_;
  std::uint64_t run_ = 0;  // counts starts: an end that belongs to an earlier run is ignored
  std::chrono::steady_clock::time_point started_at_;
  unsigned quick_restarts_ = 0;
  DefinitionPtr started_from_;  // config_ as it was then; null when it is not known, or was none
  std::condition_variable run_over_;
  std::uint64_t autodestroy_owner_ = 0;
};

}  // namespace driver
