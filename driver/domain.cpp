#include "driver/domain.hpp"

#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/validate.hpp"
#include "driver/domain_job.hpp"
#include "driver/domain_registry.hpp"
#include "driver/outside_releases.hpp"
#include "driver/take_back.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;

/// systemd(1), "Signals"; busybox's init(8): SIGUSR2 powers off, SIGTERM reboots. Any other is told what libvirt's
/// driver tells it.
int poweroff_signal(container::InitKind init) {
  if (init == container::InitKind::Systemd) return SIGRTMIN + 4;
  return init == container::InitKind::Busybox ? SIGUSR2 : SIGTERM;
}
int reboot_signal(container::InitKind init) {
  if (init == container::InitKind::Systemd) return SIGRTMIN + 5;
  return init == container::InitKind::Busybox ? SIGTERM : SIGHUP;
}

}  // namespace

Domain::Domain(Services& services, std::string name, base::Uuid uuid)
    : services_(services), name_(std::move(name)), uuid_(uuid) {}

const DomainDefinition& DomainSnapshot::current() const {
  if (live) return *live;
  if (!config) base::fail(Code::NoDomain, "domain '", identity.name, "' has just ended");
  return *config;
}

Affected require_affected(const DomainSnapshot& domain, std::uint32_t flags) {
  const bool active = domain.status.active();
  Affected affected{(flags & VIR_DOMAIN_AFFECT_LIVE) != 0, (flags & VIR_DOMAIN_AFFECT_CONFIG) != 0};
  if (!affected.live && !affected.config) (active ? affected.live : affected.config) = true;
  if (affected.live && !active)
    base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  if (affected.config && !domain.persistent)
    base::fail(Code::OperationInvalid, "transient domain '", domain.identity.name, "' has no persistent configuration");
  return affected;
}

DomainSnapshot Domain::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return {{name_, uuid_, id_}, status_, config_ != nullptr, autostart_, live_, config_, running_};
}

DomainStanding Domain::standing() const {
  const std::scoped_lock lock(mutex_);
  return {id_, status_, config_ != nullptr, autostart_};
}

bool Domain::updated() const {
  DefinitionPtr now, then;
  {
    const std::scoped_lock lock(mutex_);
    if (running_) now = config_, then = started_from_;
  }
  return now && then && now != then && !(*now == *then);
}

DomainIdentity Domain::identity() const {
  const std::scoped_lock lock(mutex_);
  return {name_, uuid_, id_};
}

bool Domain::listed() const {
  const std::scoped_lock lock(mutex_);
  return listed_;
}

std::optional<std::chrono::milliseconds> Domain::job_age() const {
  const std::scoped_lock lock(mutex_);
  if (!job_taken_) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - job_taken_at_);
}

std::optional<Domain::Glimpse> Domain::glimpse() const {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return std::nullopt;
  Glimpse now{{name_, uuid_, id_}, status_, config_ != nullptr, autostart_, std::nullopt, std::nullopt};
  if (!job_taken_) return now;
  now.job = job_of_;
  now.job_age = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - job_taken_at_);
  return now;
}

std::optional<DefineOutcome> Domain::define(DomainDefinition definition) {
  const Job job(*this, Job::IfGone::GoOn);
  DefineOutcome outcome;
  {
    const std::scoped_lock lock(mutex_);
    if (gone_) return std::nullopt;
    outcome = config_ ? DefineOutcome::Updated : DefineOutcome::Added;
  }
  try {
    services_.store.save_definition(definition);
  } catch (...) {
    drop_if_unused();
    throw;
  }
  {
    const std::scoped_lock lock(mutex_);
    config_ = share(std::move(definition));
    listed_ = true;
  }
  services_.events.publish(
      identity(),
      LifecycleEvent{VIR_DOMAIN_EVENT_DEFINED, outcome == DefineOutcome::Added ? VIR_DOMAIN_EVENT_DEFINED_ADDED
                                                                               : VIR_DOMAIN_EVENT_DEFINED_UPDATED});
  return outcome;
}

void Domain::undefine() {
  const Job job(*this);
  {
    const std::scoped_lock lock(mutex_);
    if (!config_) base::fail(Code::OperationInvalid, "cannot undefine transient domain '", name_, "'");
  }
  services_.store.remove_definition(name_);
  DomainIdentity who;
  {
    const std::scoped_lock lock(mutex_);
    config_.reset();
    autostart_ = false;
    listed_ = running_ != nullptr;
    who = {name_, uuid_, id_};
  }
  services_.events.publish(who, LifecycleEvent{VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED});
  drop_if_unused();
}

void Domain::rename(const std::string& name) {
  const Job job(*this);
  DomainDefinition definition;
  bool with_host = false;
  {
    const std::scoped_lock lock(mutex_);
    if (status_.active()) base::fail(Code::OperationInvalid, "cannot rename running domain '", name_, "'");
    if (!config_) base::fail(Code::OperationInvalid, "cannot rename transient domain '", name_, "'");
    services_.store.require_managed(name_);  // or its container could be started once more under the new name
    definition = *config_;
    with_host = autostart_;
  }
  definition.name = name;
  accept_definition(definition, services_.defaults);  // a name as good as any that is defined
  const auto renamed = std::make_shared<Domain>(services_, name, uuid_);
  services_.registry.reserve_name(renamed);
  try {
    services_.store.rename_definition(name_, definition, with_host);
  } catch (...) {
    services_.registry.free_name(name);
    throw;
  }
  services_.registry.replace(*this, renamed, [&] { renamed->load(definition, with_host); });
  {
    const std::scoped_lock lock(mutex_);
    config_.reset();
    listed_ = false;
    gone_ = true;
  }
  services_.events.publish({name_, uuid_, -1},
                           LifecycleEvent{VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_RENAMED});
  services_.events.publish({name, uuid_, -1},
                           LifecycleEvent{VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_RENAMED});
}

bool Domain::start(std::optional<DomainDefinition> given, const StartOptions& options,
                   const std::vector<base::Fd>& files) {
  const Job job(*this, Job::IfGone::GoOn);
  DefinitionPtr definition;
  bool persistent = false;
  {
    const std::scoped_lock lock(mutex_);
    if (gone_) return false;
    if (status_.active()) base::fail(Code::OperationInvalid, "domain '", name_, "' is already running");
    persistent = !given;
    definition = given ? share(std::move(*given)) : config_;
    quick_restarts_ = 0;
  }
  if (!definition) base::fail(Code::NoDomain, "no definition for domain '", name_, "'");
  try {
    run_guest(*definition, LifecycleEvent{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED}, files);
  } catch (const base::Error& error) {
    // What was refused before anything was set up leaves the state as it was.
    if (error.code() != Code::ConfigUnsupported) {
      const std::scoped_lock lock(mutex_);
      status_ = {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED};
    }
    drop_if_unused();
    throw;
  }
  {
    const std::scoped_lock lock(mutex_);
    autodestroy_owner_ = options.autodestroy_owner;
    started_from_ = persistent ? config_ : nullptr;
  }
  if (options.paused) pause_first();
  return true;
}

/// The state changes while a guest exists: state, then disk, then the event, all under the job. Without its file a
/// later daemon still learns it from the kernel.
void Domain::transition(Status status, const std::optional<Event>& event) {
  DomainIdentity who;
  {
    const std::scoped_lock lock(mutex_);
    status_ = status;
    who = {name_, uuid_, id_};
  }
  try {
    save_live();
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': its state is not on disk: {}", name_, error.message());
  }
  if (event) services_.events.publish(who, *event);
}

void Domain::save_live() {
  save_live(*snapshot().live);
}

void Domain::save_live(const DomainDefinition& live) const {
  SavedStatus saved;
  {
    const std::scoped_lock lock(mutex_);
    saved = {.status = status_,
             .shutdown_requested = shutdown_requested_,
             .froze = froze_,
             .facts = running_->facts(),
             .live = live};
  }
  services_.store.save_status(saved);
}

/// A domain without definition and without guest is no more.
void Domain::drop_if_unused() {
  {
    const std::scoped_lock lock(mutex_);
    if (config_ || running_) return;
    listed_ = false;
    gone_ = true;
  }
  services_.registry.remove(*this);
}

std::shared_ptr<container::Running> Domain::require_running() const {
  const std::scoped_lock lock(mutex_);
  if (!running_) base::fail(Code::OperationInvalid, "domain '", name_, "' is not running");
  return running_;
}

void Domain::destroy() {
  const Job job(*this);
  require_running()->kill();
  finish_stop(VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
}

void Domain::destroy_gracefully(std::chrono::milliseconds limit) {
  std::uint64_t run = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (status_.state == VIR_DOMAIN_PAUSED)
      base::fail(Code::OperationInvalid, "domain '", name_, "' is paused and cannot end by itself");
    run = run_;
  }
  shutdown(SignalChannel::Any);
  std::unique_lock lock(mutex_);
  const auto over = [&] { return run != run_ || !running_; };
  if (!run_over_.wait_for(lock, limit, over))
    base::fail_errno_value(EBUSY, Code::SystemError, "domain '", name_, "' did not end within ",
                           std::chrono::duration_cast<std::chrono::seconds>(limit).count(), " s");
}

void Domain::destroy_if_owned_by(std::uint64_t owner) {
  const Job job(*this, Job::IfGone::GoOn);
  {
    const std::scoped_lock lock(mutex_);
    if (autodestroy_owner_ != owner || !running_) return;
  }
  require_running()->kill();
  finish_stop(VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
}

/// Asks init through its initctl FIFO if it has one, else by the signal its kind of init understands.
void Domain::tell_init(SignalChannel channel, char runlevel, int (*signal_of)(container::InitKind), const char* what) {
  const auto running = require_running();
  const auto asked = static_cast<unsigned>(channel);
  if ((asked & static_cast<unsigned>(SignalChannel::Initctl)) && running->request_runlevel(runlevel)) {
    base::log::info("domain '{}': {} asked through initctl", name_, what);
    return;
  }
  if (channel == SignalChannel::Initctl)
    base::fail(Code::OperationUnsupported, "domain '", name_, "' has no initctl FIFO");
  const int number = signal_of(running->init_kind());
  base::log::info("domain '{}': {} asked by signal {}", name_, what, number);
  running->signal_init(number);
}

void Domain::shutdown(SignalChannel channel) {
  const Job job(*this);
  require_running();
  const auto set_requested = [this](bool requested) {
    const std::scoped_lock lock(mutex_);
    return std::exchange(shutdown_requested_, requested);
  };
  const bool before = set_requested(true);
  try {
    save_live();  // first: whoever sees the end has to know that it was asked for
    tell_init(channel, '0', poweroff_signal, "shutdown");
  } catch (...) {
    set_requested(before);
    take_back(name_, "the wish for its end", [this] { save_live(); });
    throw;
  }
}

void Domain::reboot(SignalChannel channel) {
  const Job job(*this);
  tell_init(channel, '6', reboot_signal, "reboot");
}

void Domain::reset() {
  const Job job(*this);
  require_running()->kill();
  restart({.next = EndVerdict::Next::Restart, .reboot_event = true});
  require_running();  // what kept it from starting again is in the log
}

void Domain::suspend() {
  const Job job(*this);
  const auto running = require_running();
  if (snapshot().status.state == VIR_DOMAIN_PAUSED) return;  // stock: succeeds, no event
  running->suspend();
  transition({VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER},
             LifecycleEvent{VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED});
}

void Domain::resume() {
  const Job job(*this);
  const auto running = require_running();
  if (snapshot().status.state != VIR_DOMAIN_PAUSED)
    base::fail(Code::OperationInvalid, "domain '", name_, "' is already running");
  running->resume();
  transition({VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED},
             LifecycleEvent{VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED});
}

unsigned Domain::freeze_file_systems(const std::vector<std::string>& paths) {
  const auto note = [this](bool froze) {
    const std::scoped_lock lock(mutex_);
    return std::exchange(froze_, froze);
  };
  std::shared_ptr<container::Running> running;
  {
    const Job job(*this);
    running = require_running();
    if (!note(true)) {
      try {
        save_live();
      } catch (...) {  // what nobody would find again is not frozen
        note(false);
        throw;
      }
    }
  }
  return running->freeze_file_systems(paths);  // without the job: it writes out first, and a destroy need not wait
}

void Domain::set_autostart(bool enabled) {
  const Job job(*this);
  {
    const std::scoped_lock lock(mutex_);
    if (!config_) base::fail(Code::OperationInvalid, "cannot set autostart for transient domain '", name_, "'");
  }
  services_.store.set_autostart(name_, enabled);
  const std::scoped_lock lock(mutex_);
  autostart_ = enabled;
}

void Domain::signal_init(int number) {
  const Job job(*this);
  require_running()->signal_init(number);
}

void Domain::change(const DefinitionEdit& edit, std::uint32_t flags, const std::optional<Event>& event) {
  const Job job(*this);
  const auto now = snapshot();
  const Affected affected = require_affected(now, flags);
  const auto changed = [&](const DomainDefinition& from) {
    DomainDefinition to = from;
    edit(to);
    return share(std::move(to));
  };
  const DefinitionPtr live = affected.live ? changed(*now.live) : now.live;
  const DefinitionPtr config = affected.config ? changed(*now.config) : now.config;
  if (affected.live) now.running->change_limits(*now.live, *live);
  try {
    if (affected.live) save_live(*live);
    if (affected.config) services_.store.save_definition(*config);
  } catch (...) {
    if (affected.live)
      take_back(name_, "a change", [&] {
        now.running->change_limits(*live, *now.live);
        save_live(*now.live);
      });
    throw;
  }
  {
    const std::scoped_lock lock(mutex_);
    live_ = live;
    config_ = config;
  }
  if (event && (affected.live || !tells_of_running(*event))) services_.events.publish(identity(), *event);
}

void Domain::load(DomainDefinition definition, bool autostart) {
  const std::scoped_lock lock(mutex_);
  config_ = share(std::move(definition));
  autostart_ = autostart;
  listed_ = true;
}

void Domain::release(const Outside& outside) const noexcept {
  services_.releases.release(outside);
}

void Domain::drop_strays(const Outside& found) {
  const Job job(*this, Job::IfGone::GoOn);  // a start or a hot-plug that is under way has its own to itself
  const DefinitionPtr live = snapshot().live;
  release(without(found, live ? outside_of(*live) : Outside{}));
}

}  // namespace driver
