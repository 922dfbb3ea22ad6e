// Devices of a domain that come, go and change. The next boot's definition is saved first, because saving is what can
// be taken back without a trace; then the container changes, and if it does not, the old definition is saved again.
#include <exception>
#include <utility>

#include "base/log.hpp"
#include "domain-xml/validate.hpp"
#include "driver/device_edits.hpp"
#include "driver/domain_job.hpp"
#include "driver/filter_bindings.hpp"
#include "driver/network_ports.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::Device;
using domain_xml::DomainDefinition;
using domain_xml::Interface;

DefinitionPtr share(DomainDefinition definition) {
  return std::make_shared<const DomainDefinition>(std::move(definition));
}

[[noreturn]] void refuse_live(const Device& device, const char* change) {
  base::fail(Code::ConfigUnsupported, "device type '", domain_xml::device_kind(device), "' cannot be ", change,
             " while the domain is running");
}

template <typename Undo>
void take_back(const std::string& domain, const char* what, Undo&& undo) noexcept {
  try {
    undo();
  } catch (const std::exception& error) {
    base::log::error("domain '{}': {} cannot be taken back: {}", domain, what, error.what());
  }
}

}  // namespace

/// What a running container's devices have become.
struct Domain::LiveChange {
  DomainDefinition live;
  std::function<void()> undo;
  std::function<void()> commit = [] {};  // what cannot be undone comes last
  std::optional<Event> event;
};

void Domain::change_devices(std::uint32_t flags, const DefinitionEdit& edit_config,
                            const std::function<LiveChange(const DomainSnapshot&)>& change_live) {
  const Job job(*this);
  const auto now = snapshot();
  const Affected affected = require_affected(now, flags);
  DefinitionPtr config = now.config;
  if (affected.config) {
    DomainDefinition edited = *now.config;
    edit_config(edited);
    domain_xml::apply_defaults(edited, services_.defaults);
    domain_xml::require_valid(edited, services_.defaults);
    config = share(std::move(edited));
    services_.store.save_definition(*config);
  }
  std::optional<LiveChange> change;
  try {
    if (affected.live) {
      change = change_live(now);
      {
        const std::scoped_lock lock(mutex_);
        live_ = share(std::move(change->live));
      }
      save_live();
    }
  } catch (...) {
    if (change) {
      take_back(name_, "a change of its devices", change->undo);
      const std::scoped_lock lock(mutex_);
      live_ = now.live;
    }
    if (affected.config)
      take_back(name_, "a change of its definition", [&] { services_.store.save_definition(*now.config); });
    throw;
  }
  {
    const std::scoped_lock lock(mutex_);
    config_ = config;
  }
  if (change) change->commit();
  if (change && change->event) services_.events.publish(identity(), *change->event);
}

/// Its link has no carrier until it is guarded.
void Domain::attach_guarded(container::Running& running, const DomainDefinition& owner, Interface& interface) const {
  const std::optional<bool> link_up = interface.link_up;
  if (interface.filter) interface.link_up = false;
  interface = running.attach_interface(interface);
  if (!interface.filter) return;
  try {
    services_.filter_bindings.bind(owner, interface, interface.target_dev);
    const Interface down = interface;
    interface.link_up = link_up;
    running.update_interface(down, interface);
  } catch (...) {
    take_back(name_, "an interface without its filter", [&] {
      running.detach_interface(interface);
      release(outside_of(interface));
    });
    throw;
  }
}

Domain::LiveChange Domain::attach_live(const DomainSnapshot& now, const Device& device) const {
  if (!std::holds_alternative<Interface>(device)) refuse_live(device, "attached");
  LiveChange change{.live = *now.live};
  add_device(change.live, device, Form::Live);
  assign_aliases(change.live);
  Interface& attached = change.live.interfaces.back();
  NetworkPorts::choose_id(attached);
  const Outside port = outside_of(attached);
  try {
    attached = services_.network_ports.plug(change.live, attached);
    attach_guarded(*now.running, change.live, attached);
  } catch (...) {
    release(port);
    throw;
  }
  change.undo = [this, running = now.running, attached] {
    running->detach_interface(attached);
    release(outside_of(attached));
  };
  change.event = DeviceAddedEvent{domain_xml::alias_of(attached)};
  return change;
}

Domain::LiveChange Domain::detach_live(const DomainSnapshot& now, const DeviceRemoval& remove) const {
  LiveChange change{.live = *now.live};
  const Device removed = remove(change.live, Form::Live);
  const auto* const interface = std::get_if<Interface>(&removed);
  if (!interface) refuse_live(removed, "detached");
  now.running->detach_interface(*interface);
  change.undo = [running = now.running, before = *interface] { running->attach_interface(before); };
  change.commit = [this, outside = outside_of(*interface)] { release(outside); };
  change.event = DeviceRemovedEvent{domain_xml::alias_of(removed)};
  return change;
}

Domain::LiveChange Domain::update_live(const DomainSnapshot& now, const DeviceReplacement& replace) {
  LiveChange change{.live = *now.live};
  const DeviceUpdate update = replace(change.live, Form::Live);
  const auto& before = std::get<Interface>(update.before);
  const auto& after = std::get<Interface>(update.after);
  now.running->update_interface(before, after);
  change.undo = [running = now.running, before, after] { running->update_interface(after, before); };
  return change;
}

void Domain::attach_device(const Device& device, std::uint32_t flags) {
  change_devices(
      flags, [&](DomainDefinition& config) { add_device(config, device, Form::Config); },
      [&](const DomainSnapshot& now) { return attach_live(now, device); });
}

void Domain::detach_device(const DeviceRemoval& remove, std::uint32_t flags) {
  change_devices(
      flags, [&](DomainDefinition& config) { remove(config, Form::Config); },
      [&](const DomainSnapshot& now) { return detach_live(now, remove); });
}

void Domain::update_device(const DeviceReplacement& replace, std::uint32_t flags) {
  change_devices(
      flags, [&](DomainDefinition& config) { replace(config, Form::Config); },
      [&](const DomainSnapshot& now) { return update_live(now, replace); });
}

}  // namespace driver
