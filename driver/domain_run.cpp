// One run of a domain: its start, its end and what that leads to, and finding it again after this daemon's predecessor.
#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "driver/address_clash.hpp"
#include "driver/device_edits.hpp"
#include "driver/domain.hpp"
#include "driver/domain_job.hpp"
#include "driver/filter_bindings.hpp"
#include "driver/hooks.hpp"
#include "driver/network_ports.hpp"
#include "driver/outside_releases.hpp"
#include "driver/storage_volumes.hpp"

namespace driver {
namespace {

using domain_xml::DomainDefinition;

// A guest that ends right after every start is restarted at once this often, then once a second.
constexpr unsigned kQuickRestarts = 20;
constexpr auto kQuickRun = std::chrono::seconds(1);

/// The definition without what only a running domain has, for starting it once more.
DomainDefinition without_live_parts(const DomainDefinition& live, const domain_xml::DefaultsContext& context) {
  DomainDefinition definition = domain_xml::parse_domain(domain_xml::format_domain(live, domain_xml::View::Inactive));
  domain_xml::apply_defaults(definition, context);
  return definition;
}

}  // namespace

/// The start of a domain that is to begin paused, whose init has been executed.
void Domain::pause_first() {
  const auto running = snapshot().running;
  try {
    running->suspend();
    transition({VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER},
               LifecycleEvent{VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED});
  } catch (...) {
    running->kill();
    finish_stop(VIR_DOMAIN_SHUTOFF_FAILED, VIR_DOMAIN_EVENT_STOPPED_FAILED);
    throw;
  }
}

/// Starts `definition` and makes it the live one; on failure nothing of it is left.
void Domain::run_guest(DomainDefinition definition, const std::optional<Event>& event,
                       const std::vector<base::Fd>& files, AfterEnd intent) {
  NetworkPorts::choose_ids(definition);
  // A daemon that dies in the middle of this start leaves the name of what it was making: the next one removes it, and
  // starts it once more if that is what was going on.
  services_.store.save_status({.restarting = intent == AfterEnd::Restart, .live = definition});
  Outside outside = outside_of(definition);
  Backend::Started started;
  const auto& hooks = services_.hooks;
  try {
    hooks.run(HookMoment::Prepare, definition);
    services_.releases.retry();
    services_.network_ports.plug(definition);
    services_.storage_volumes.resolve(definition);
    require_free_addresses(services_.registry, name_, definition.interfaces);
    const auto links_made = [&](const std::vector<std::string>& host_ends) {
      // Lent links come after the interfaces', and a container without network has none.
      for (std::size_t i = 0; i < std::min(host_ends.size(), definition.interfaces.size()); ++i) {
        if (definition.interfaces[i].filter) outside.guarded_ends.push_back(host_ends[i]);
        services_.filter_bindings.bind(definition, definition.interfaces[i], host_ends[i]);
      }
      hooks.run(HookMoment::Start, definition);
    };
    const auto prepared = [&](const container::RunningFacts& facts, DomainDefinition& live) {
      assign_aliases(live);
      services_.store.save_status(
          {.status = {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED}, .facts = facts, .live = live});
    };
    started = services_.backend.start(definition, {links_made, prepared}, files);
  } catch (...) {
    hooks.tell(HookMoment::Stopped, definition);
    release(outside);
    hooks.tell(HookMoment::Release, definition);
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
    froze_ = false;
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
    const auto now = snapshot();
    hooks.run(HookMoment::Started, *now.live, now.identity.id);
    if (event) services_.events.publish(now.identity, *event);
  } catch (...) {
    const auto now = snapshot();
    now.running->kill();
    clean_up_run(now);
    forget_run(VIR_DOMAIN_SHUTOFF_FAILED);
    throw;
  }
  watch_end();
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
  const Job job(*this, Job::IfGone::GoOn);
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
    note_end(verdict.shutoff_reason, AfterEnd::Restart);
    clean_up_run(snapshot());
  } else {
    stop_and_tell(verdict.shutoff_reason, verdict.stopped_detail, AfterEnd::Restart);
  }
  const bool runs = verdict.reboot_event
                        ? run_again(*live, RebootEvent{})
                        : run_again(*live, LifecycleEvent{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED});
  if (runs) return;
  if (verdict.reboot_event) forget_and_tell(VIR_DOMAIN_SHUTOFF_FAILED, VIR_DOMAIN_EVENT_STOPPED_FAILED);
  drop_if_unused();
}

bool Domain::run_again(const DomainDefinition& live, const Event& event) {
  try {
    run_guest(without_live_parts(live, services_.defaults), event, {}, AfterEnd::Restart);
    return true;
  } catch (const std::exception& error) {
    base::log::error("domain '{}' cannot be started again: {}", name_, error.what());
    return false;
  }
}

/// What a run had on the host, and the administrator's word on it.
void Domain::clean_up_run(const DomainSnapshot& run) const {
  services_.hooks.tell(HookMoment::Stopped, *run.live, run.identity.id);
  run.running->clean_up();
  release(outside_of(*run.live));
  services_.hooks.tell(HookMoment::Release, *run.live);
}

/// What clients can see changes in one step.
void Domain::forget_run(int shutoff_reason) {
  services_.store.remove_status(name_);
  const std::scoped_lock lock(mutex_);
  running_.reset();
  live_.reset();
  id_ = -1;
  shutdown_requested_ = false;
  started_from_.reset();
  run_over_.notify_all();
  status_ = {VIR_DOMAIN_SHUTOFF, shutoff_reason};
  listed_ = config_ != nullptr;  // before the event: who hears of a transient domain's end does not find it any more
}

void Domain::forget_and_tell(int shutoff_reason, int stopped_detail) {
  forget_run(shutoff_reason);
  services_.events.publish(identity(), LifecycleEvent{VIR_DOMAIN_EVENT_STOPPED, stopped_detail});
}

/// A supervisor that is let go tells nobody any more how init ended: a daemon that ends from here on leaves word.
void Domain::note_end(int shutoff_reason, AfterEnd next) const noexcept {
  const auto now = snapshot();
  try {
    services_.store.save_status({.status = {VIR_DOMAIN_SHUTOFF, shutoff_reason},
                                 .restarting = next == AfterEnd::Restart,
                                 .facts = now.running->facts(),
                                 .live = *now.live});
  } catch (const std::exception& error) {
    base::log::warning("domain '{}': its end is not on disk: {}", name_, error.what());
  }
}

/// Init is gone: lets go of everything that was the guest's.
void Domain::stop_and_tell(int shutoff_reason, int stopped_detail, AfterEnd next) {
  note_end(shutoff_reason, next);
  clean_up_run(snapshot());
  forget_and_tell(shutoff_reason, stopped_detail);
}

void Domain::finish_stop(int shutoff_reason, int stopped_detail) {
  {
    const std::scoped_lock lock(mutex_);
    autodestroy_owner_ = 0;
  }
  stop_and_tell(shutoff_reason, stopped_detail, AfterEnd::Nothing);
  drop_if_unused();
}

/// A link that an earlier daemon was making or removing when it ended has no name inside, or no more (see
/// domain_devices.cpp): what there is of it goes, and what it had of libvirt's other drivers is then a stray.
DomainDefinition Domain::without_unfinished(container::Running& running, DomainDefinition live) const {
  std::erase_if(live.interfaces, [&](domain_xml::Interface& interface) {
    if (!interface.guest_dev_actual.empty()) return false;
    interface.target_dev.clear();  // by its MAC address: its name may be another link's
    try {
      running.detach_interface(interface);
    } catch (const std::exception& error) {
      base::log::warning("domain '{}': an interface that was just coming or going stays: {}", name_, error.what());
    }
    return true;
  });
  return live;
}

/// A daemon that crashed may have left file systems frozen; whoever asked for that is not connected to this one.
void Domain::thaw_leftovers(container::Running& running) const {
  try {
    if (const unsigned thawed = running.thaw_file_systems({}))
      base::log::warning("domain '{}': {} of its file systems were frozen and are thawed now", name_, thawed);
  } catch (const base::Error& error) {
    base::log::debug("domain '{}': {}", name_, error.what());  // mostly that it has none of its own
  }
}

/// A run that is over: what an earlier daemon still had to do when it ended.
void Domain::finish_adopted(const SavedStatus& saved) {
  const bool starting = saved.facts.supervisor_pid < 0;
  const bool known = !starting && !saved.status.active();
  const int reason = known ? saved.status.reason : VIR_DOMAIN_SHUTOFF_FAILED;
  if (!known)
    base::log::warning("domain '{}' {}", name_,
                       starting ? "was being started when the daemon ended: start undone"
                                : "ended while no daemon was running, and how is not known");
  {
    const std::scoped_lock lock(mutex_);
    status_ = {VIR_DOMAIN_SHUTOFF, reason};
    listed_ = listed_ || saved.restarting;
  }
  if (saved.restarting) {
    base::log::info("domain '{}' was to start again when the daemon ended", name_);
    services_.run_on_worker([self = shared_from_this(), live = saved.live] {
      const Job job(*self);
      if (!self->snapshot().running && !self->run_again(live, RebootEvent{})) self->drop_if_unused();
    });
    return;
  }
  services_.store.remove_status(name_);
  drop_if_unused();
}

bool Domain::adopt(const SavedStatus& saved, const std::optional<Event>& event) {
  const Job job(*this);
  std::shared_ptr<container::Running> running = services_.backend.adopt(saved.live, saved.facts);
  if (running && !saved.status.active()) {  // its end had been seen
    running->kill();
    running->clean_up();
    running.reset();
  }
  if (!running) {
    services_.store.let_go_of_status(name_);
    finish_adopted(saved);
    return saved.restarting;
  }
  if (saved.froze) thaw_leftovers(*running);  // looking for them is a quarter of what taking a container over costs
  Status status = saved.status;
  const bool frozen = running->suspended();  // the kernel's word counts, not the file's
  if (frozen && status.state != VIR_DOMAIN_PAUSED) status = {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN};
  if (!frozen && status.state != VIR_DOMAIN_RUNNING) status = {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNKNOWN};
  services_.store.let_go_of_status(name_);  // under the job, for which a start waits that then finds it running
  {
    const std::scoped_lock lock(mutex_);
    running_ = std::move(running);
    DomainDefinition live = without_unfinished(*running_, saved.live);
    container::show_consoles(live, running_->facts());  // not known yet when the start was saved
    live_ = share(std::move(live));
    id_ = running_->id();
    status_ = status;
    shutdown_requested_ = saved.shutdown_requested;
    froze_ = saved.froze;
    listed_ = true;
    started_at_ = std::chrono::steady_clock::now();
    ++run_;
  }
  watch_end();
  const auto now = snapshot();
  try {
    services_.hooks.run(HookMoment::Reconnect, *now.live, now.identity.id);
  } catch (const base::Error& error) {
    base::log::error("domain '{}' is ended: {}", name_, error.message());
    now.running->kill();
    clean_up_run(now);
    forget_run(VIR_DOMAIN_SHUTOFF_FAILED);
    drop_if_unused();
    return false;
  }
  if (event) services_.events.publish(now.identity, *event);
  base::log::info("domain '{}' found running", name_);
  return true;
}

}  // namespace driver
