#include "driver/domain.hpp"

#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "driver/device_edits.hpp"
#include "driver/domain_job.hpp"
#include "driver/domain_registry.hpp"
#include "driver/filter_bindings.hpp"
#include "driver/network_ports.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;

// A guest that ends right after every start is restarted at once this often, then once a second.
constexpr unsigned kQuickRestarts = 20;
constexpr auto kQuickRun = std::chrono::seconds(1);

// systemd(1), "Signals": SIGRTMIN+4 powers off, SIGRTMIN+5 reboots.
int systemd_poweroff() {
  return SIGRTMIN + 4;
}
int systemd_reboot() {
  return SIGRTMIN + 5;
}

DefinitionPtr share(DomainDefinition definition) {
  return std::make_shared<const DomainDefinition>(std::move(definition));
}

/// The definition without what only a running domain has, for starting it once more.
DomainDefinition without_live_parts(const DomainDefinition& live, const domain_xml::DefaultsContext& context) {
  DomainDefinition definition = domain_xml::parse_domain(domain_xml::format_domain(live, domain_xml::View::Inactive));
  domain_xml::apply_defaults(definition, context);
  return definition;
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

DomainIdentity Domain::identity() const {
  const std::scoped_lock lock(mutex_);
  return {name_, uuid_, id_};
}

bool Domain::listed() const {
  const std::scoped_lock lock(mutex_);
  return listed_;
}

std::optional<DefineOutcome> Domain::define(DomainDefinition definition) {
  const Job job(*this);
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

bool Domain::start(std::optional<DomainDefinition> given, std::uint64_t autodestroy_owner) {
  const Job job(*this);
  DefinitionPtr definition;
  {
    const std::scoped_lock lock(mutex_);
    if (gone_) return false;
    if (status_.active()) base::fail(Code::OperationInvalid, "domain '", name_, "' is already running");
    definition = given ? share(std::move(*given)) : config_;
    quick_restarts_ = 0;
  }
  if (!definition) base::fail(Code::NoDomain, "no definition for domain '", name_, "'");
  try {
    run_guest(*definition, LifecycleEvent{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED});
  } catch (const base::Error& error) {
    // What was refused before anything was set up leaves the state as it was.
    if (error.code() != Code::ConfigUnsupported) {
      const std::scoped_lock lock(mutex_);
      status_ = {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED};
    }
    drop_if_unused();
    throw;
  }
  const std::scoped_lock lock(mutex_);
  autodestroy_owner_ = autodestroy_owner;
  return true;
}

/// Starts `definition` and makes it the live one; on failure nothing of it is left.
void Domain::run_guest(DomainDefinition definition, const std::optional<Event>& event) {
  NetworkPorts::choose_ids(definition);
  // A daemon that dies in the middle of this start leaves the name of what it was making: the next one removes it.
  services_.store.save_status({.live = definition});
  Outside outside = outside_of(definition);
  Backend::Started started;
  try {
    services_.network_ports.plug(definition);
    started = services_.backend.start(definition, [&](const std::vector<std::string>& host_ends) {
      for (std::size_t i = 0; i < definition.interfaces.size(); ++i) {
        if (definition.interfaces[i].filter) outside.guarded_ends.push_back(host_ends[i]);
        services_.filter_bindings.bind(definition, definition.interfaces[i], host_ends[i]);
      }
    });
    assign_aliases(started.live);
  } catch (...) {
    release(outside);
    services_.store.remove_status(name_);
    throw;
  }
  {
    const std::scoped_lock lock(mutex_);
    running_ = std::move(started.running);
    live_ = share(std::move(started.live));
    id_ = running_->id();
    status_ = {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED};
    listed_ = true;
    shutdown_requested_ = false;
    started_at_ = std::chrono::steady_clock::now();
    ++run_;
    if (config_ && config_->partition.empty()) {
      // As stock: the partition a domain was given at its first start shows in its inactive XML too.
      DomainDefinition next = *config_;
      next.partition = live_->partition;
      config_ = share(std::move(next));
    }
  }
  try {
    transition({VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED}, event);
  } catch (...) {
    const auto running = snapshot().running;
    running->kill();
    running->clean_up();
    release(outside);
    services_.store.remove_status(name_);
    const std::scoped_lock lock(mutex_);
    running_.reset();
    live_.reset();
    id_ = -1;
    status_ = {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED};
    throw;
  }
  watch_end();
}

/// The state changes while a guest exists: state, then disk, then the event, all under the job.
void Domain::transition(Status status, const std::optional<Event>& event) {
  DomainIdentity who;
  {
    const std::scoped_lock lock(mutex_);
    status_ = status;
    who = {name_, uuid_, id_};
  }
  if (status.active()) save_live();
  if (event) services_.events.publish(who, *event);
}

void Domain::save_live() {
  SavedStatus saved;
  {
    const std::scoped_lock lock(mutex_);
    saved = {status_, shutdown_requested_, running_->facts(), *live_};
  }
  services_.store.save_status(saved);
}

void Domain::watch_end() {
  const auto now = snapshot();
  std::uint64_t run;
  {
    const std::scoped_lock lock(mutex_);
    run = run_;
  }
  now.running->on_exit([weak = weak_from_this(), run](container::ExitRecord exit) {
    if (const auto self = weak.lock())
      self->services_.run_on_worker([self, run, exit] { self->guest_ended(run, exit); });
  });
}

void Domain::guest_ended(std::uint64_t run, container::ExitRecord exit) {
  const Job job(*this);
  EndVerdict verdict;
  {
    const std::scoped_lock lock(mutex_);
    if (run != run_ || !running_) return;  // destroyed meanwhile: that call has told everybody
    verdict = judge_end(exit, *live_, shutdown_requested_);
    const bool quick = std::chrono::steady_clock::now() - started_at_ < kQuickRun;
    quick_restarts_ = quick ? quick_restarts_ + 1 : 0;
    if (verdict.next == EndVerdict::Next::Restart && quick_restarts_ > kQuickRestarts) {
      quick_restarts_ = kQuickRestarts;
      started_at_ -= kQuickRun;  // the next look at it does not wait again
      services_.loop.post([self = shared_from_this(), run, exit] {
        auto timer = std::make_shared<base::Watch>();
        *timer = self->services_.loop.after(kQuickRun, [self, run, exit, timer] {
          self->services_.run_on_worker([self, run, exit] { self->guest_ended(run, exit); });
          *timer = {};
        });
      });
      return;
    }
  }
  if (exit.cause == container::ExitCause::OutOfMemory)
    base::log::warning("domain '{}': init was killed because the container ran out of memory", name_);
  else
    base::log::info("domain '{}': init ended with wait status {:#x}", name_, exit.wait_status);
  if (verdict.next == EndVerdict::Next::Restart)
    restart(verdict);
  else
    finish_stop(verdict.shutoff_reason, verdict.stopped_detail);
}

/// Starts the live definition once more; autodestroy and the pending next-boot definition stay what they were.
void Domain::restart(const EndVerdict& verdict) {
  const DefinitionPtr live = snapshot().live;
  if (verdict.reboot_event) {
    snapshot().running->clean_up();
    release(outside_of(*live));
  } else {
    stop_and_tell(verdict.shutoff_reason, verdict.stopped_detail);
  }
  try {
    run_guest(without_live_parts(*live, services_.defaults),
              verdict.reboot_event ? Event(RebootEvent{})
                                   : Event(LifecycleEvent{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED}));
  } catch (const std::exception& error) {
    base::log::error("domain '{}' cannot be started again: {}", name_, error.what());
    if (verdict.reboot_event) stop_and_tell(VIR_DOMAIN_SHUTOFF_FAILED, VIR_DOMAIN_EVENT_STOPPED_FAILED);
    drop_if_unused();
  }
}

/// Init is gone: lets go of everything that was the guest's. What clients can see changes in one step.
void Domain::release_guest(int shutoff_reason) {
  const auto now = snapshot();
  if (now.running) now.running->clean_up();
  if (now.live) release(outside_of(*now.live));
  services_.store.remove_status(name_);
  const std::scoped_lock lock(mutex_);
  running_.reset();
  live_.reset();
  id_ = -1;
  shutdown_requested_ = false;
  status_ = {VIR_DOMAIN_SHUTOFF, shutoff_reason};
  listed_ = config_ != nullptr;  // before the event: who hears of a transient domain's end does not find it any more
}

void Domain::stop_and_tell(int shutoff_reason, int stopped_detail) {
  release_guest(shutoff_reason);
  services_.events.publish(identity(), LifecycleEvent{VIR_DOMAIN_EVENT_STOPPED, stopped_detail});
}

void Domain::finish_stop(int shutoff_reason, int stopped_detail) {
  {
    const std::scoped_lock lock(mutex_);
    autodestroy_owner_ = 0;
  }
  stop_and_tell(shutoff_reason, stopped_detail);
  drop_if_unused();
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

void Domain::destroy_if_owned_by(std::uint64_t owner) {
  const Job job(*this);
  {
    const std::scoped_lock lock(mutex_);
    if (autodestroy_owner_ != owner || !running_) return;
  }
  require_running()->kill();
  finish_stop(VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
}

/// Asks init through its initctl FIFO if it has one, else by the signal its kind of init understands.
void Domain::tell_init(SignalChannel channel, char runlevel, int systemd_signal, int plain_signal, const char* what) {
  const auto running = require_running();
  const auto asked = static_cast<unsigned>(channel);
  if ((asked & static_cast<unsigned>(SignalChannel::Initctl)) && running->request_runlevel(runlevel)) {
    base::log::info("domain '{}': {} asked through initctl", name_, what);
    return;
  }
  if (channel == SignalChannel::Initctl)
    base::fail(Code::OperationUnsupported, "domain '", name_, "' has no initctl FIFO");
  const int number = running->init_is_systemd() ? systemd_signal : plain_signal;
  base::log::info("domain '{}': {} asked by signal {}", name_, what, number);
  running->signal_init(number);
}

void Domain::shutdown(SignalChannel channel) {
  const Job job(*this);
  require_running();
  {
    const std::scoped_lock lock(mutex_);
    shutdown_requested_ = true;
  }
  try {
    tell_init(channel, '0', systemd_poweroff(), SIGTERM, "shutdown");
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    shutdown_requested_ = false;
    throw;
  }
  save_live();
}

void Domain::reboot(SignalChannel channel) {
  const Job job(*this);
  tell_init(channel, '6', systemd_reboot(), SIGHUP, "reboot");
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
    if (affected.config) services_.store.save_definition(*config);
  } catch (...) {
    if (affected.live) now.running->change_limits(*live, *now.live);
    throw;
  }
  {
    const std::scoped_lock lock(mutex_);
    live_ = live;
    config_ = config;
  }
  if (affected.live) save_live();
  if (event) services_.events.publish(identity(), *event);
}

void Domain::load(DomainDefinition definition, bool autostart) {
  const std::scoped_lock lock(mutex_);
  config_ = share(std::move(definition));
  autostart_ = autostart;
  listed_ = true;
}

bool Domain::adopt(const SavedStatus& saved) {
  const Job job(*this);
  std::shared_ptr<container::Running> running = services_.backend.adopt(saved.live, saved.facts);
  if (!running) {
    const bool starting = saved.facts.supervisor_pid < 0;
    base::log::warning("domain '{}' {}", name_,
                       starting ? "was being started when the daemon ended: start undone"
                                : "ended while no daemon was running, and how is not known");
    services_.store.remove_status(name_);
    {
      const std::scoped_lock lock(mutex_);
      status_ = {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED};
    }
    drop_if_unused();
    return false;
  }
  Status status = saved.status;
  const bool frozen = running->suspended();  // the kernel's word counts, not the file's
  if (frozen && status.state != VIR_DOMAIN_PAUSED) status = {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN};
  if (!frozen && status.state != VIR_DOMAIN_RUNNING) status = {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNKNOWN};
  {
    const std::scoped_lock lock(mutex_);
    running_ = std::move(running);
    live_ = share(saved.live);
    id_ = running_->id();
    status_ = status;
    shutdown_requested_ = saved.shutdown_requested;
    listed_ = true;
    started_at_ = std::chrono::steady_clock::now();
    ++run_;
  }
  watch_end();
  return true;
}

void Domain::release(const Outside& outside) const noexcept {
  services_.filter_bindings.unbind(outside.guarded_ends);
  services_.network_ports.unplug(outside.ports);
}

void Domain::drop_strays(const Outside& found) {
  const Job job(*this);  // a start or a hot-plug that is under way has its own to itself
  const DefinitionPtr live = snapshot().live;
  release(without(found, live ? outside_of(*live) : Outside{}));
}

}  // namespace driver
