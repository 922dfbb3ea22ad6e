// Devices of a domain that come, go and change. The next boot's definition is saved first, because saving is what can
// be taken back without a trace; then the container changes, and if it does not, the old definition is saved again.
#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "container/plan_container.hpp"
#include "domain-xml/validate.hpp"
#include "driver/address_clash.hpp"
#include "driver/device_edits.hpp"
#include "driver/domain_job.hpp"
#include "driver/filter_bindings.hpp"
#include "driver/network_ports.hpp"
#include "driver/outside_releases.hpp"
#include "driver/storage_volumes.hpp"
#include "driver/take_back.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::Device;
using domain_xml::DomainDefinition;
using domain_xml::Interface;

[[noreturn]] void refuse_live(const Device& device, const char* change) {
  base::fail(Code::ConfigUnsupported, "device type '", domain_xml::device_kind(device), "' cannot be ", change,
             " while the domain is running");
}

/// As a state file tells of an interface whose link may be there or not.
DomainDefinition with_unfinished(DomainDefinition live, const Interface& interface) {
  for (Interface& one : live.interfaces)
    if (one == interface) one.guest_dev_actual.clear();
  return live;
}

bool has_floor(const Interface& interface) {
  return interface.bandwidth && interface.bandwidth->inbound && interface.bandwidth->inbound->floor;
}

/// Devices that are nodes in the container's /dev, whichever change is wanted.
bool is_node(const Device& device) {
  const auto* const host_device = std::get_if<domain_xml::HostDevice>(&device);
  return host_device ? !container::is_network_device(*host_device) : std::holds_alternative<domain_xml::Disk>(device);
}

bool is_filesystem(const Device& device) {
  return std::holds_alternative<domain_xml::Filesystem>(device);
}

/// Of `device`, as it is in `live` now.
std::string alias_in(const DomainDefinition& live, const Device& device) {
  if (is_filesystem(device)) return domain_xml::alias_of(live.filesystems.back());
  const auto* const wanted = std::get_if<domain_xml::Disk>(&device);
  if (!wanted) return domain_xml::alias_of(live.host_devices.back());
  const auto disk = std::ranges::find(live.disks, wanted->target, &domain_xml::Disk::target);
  return domain_xml::alias_of(*disk);
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

/// What it takes to run with the nodes of `change.live`.
void Domain::change_nodes(const DomainSnapshot& now, LiveChange& change) {
  now.running->change_devices(*now.live, change.live);
  change.undo = [now, with = change.live] { now.running->change_devices(with, *now.live); };
}

/// What it takes to run with the filesystems of `change.live`. What comes is on disk first, with its mount points, and
/// what goes is until it has: what is not mounted can still be detached, what nobody knows of could not.
void Domain::change_filesystems(const DomainSnapshot& now, LiveChange& change) const {
  services_.storage_volumes.resolve(change.live);
  bool saved = false;
  const auto save = [&] {
    saved = true;
    save_live(change.live);
  };
  try {
    now.running->change_filesystems(*now.live, change.live, save);
  } catch (...) {
    if (saved) take_back(name_, "a filesystem in its state file", [&] { save_live(*now.live); });
    throw;
  }
  change.undo = [now, with = change.live] { now.running->change_filesystems(with, *now.live, [] {}); };
}

Domain::LiveChange Domain::attach_live(const DomainSnapshot& now, const Device& device) const {
  const bool node = is_node(device);
  const bool filesystem = is_filesystem(device);
  if (!node && !filesystem && !std::holds_alternative<Interface>(device)) refuse_live(device, "attached");
  LiveChange change{.live = *now.live};
  add_device(change.live, device, Form::Live);
  assign_aliases(change.live);
  if (node || filesystem) {
    node ? change_nodes(now, change) : change_filesystems(now, change);
    change.event = DeviceAddedEvent{alias_in(change.live, device)};
    return change;
  }
  Interface& attached = change.live.interfaces.back();
  NetworkPorts::choose_id(attached);
  const Outside port = outside_of(attached);
  save_live(change.live);  // without a name inside: whoever finds it so knows that it is not finished
  try {
    services_.releases.retry();
    attached = services_.network_ports.plug(change.live, attached);
    require_free_addresses(services_.registry, name_, {attached});
    attach_guarded(*now.running, change.live, attached);
  } catch (...) {
    release(port);
    take_back(name_, "an interface in its state file", [&] { save_live(*now.live); });
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
  if (is_node(removed) || is_filesystem(removed)) {
    is_node(removed) ? change_nodes(now, change) : change_filesystems(now, change);
    change.event = DeviceRemovedEvent{domain_xml::alias_of(removed)};
    return change;
  }
  const auto* const interface = std::get_if<Interface>(&removed);
  if (!interface) refuse_live(removed, "detached");
  save_live(with_unfinished(*now.live, *interface));
  try {
    now.running->detach_interface(*interface);
  } catch (...) {
    take_back(name_, "an interface in its state file", [&] { save_live(*now.live); });
    throw;
  }
  change.undo = [running = now.running, before = *interface] { running->attach_interface(before); };
  change.commit = [this, outside = outside_of(*interface)] { release(outside); };
  change.event = DeviceRemovedEvent{domain_xml::alias_of(removed)};
  return change;
}

void Domain::change_guard(const DomainDefinition& owner, const Interface& interface) const {
  services_.releases.retry();
  if (interface.filter)
    services_.filter_bindings.bind(owner, interface, interface.target_dev);
  else
    services_.filter_bindings.remove(interface.target_dev);
}

/// A binding cannot change, only end and be made again: nothing passes meanwhile.
void Domain::update_guarded(container::Running& running, const DomainDefinition& owner, const Interface& before,
                            const Interface& after) const {
  if (before.filter == after.filter) return running.update_interface(before, after);
  Interface down = before;
  down.link_up = false;
  running.update_interface(before, down);
  try {
    change_guard(owner, after);
    running.update_interface(down, after);
  } catch (...) {
    take_back(name_, "a change of a filter", [&] {
      if (before.filter)
        change_guard(owner, before);  // or it stays down: never without the guard it had
      else
        services_.releases.release({{}, {before.target_dev}});
      running.update_interface(down, before);
    });
    throw;
  }
}

Domain::LiveChange Domain::update_live(const DomainSnapshot& now, const DeviceReplacement& replace) const {
  LiveChange change{.live = *now.live};
  const DeviceUpdate update = replace(change.live, Form::Live);
  if (is_filesystem(update.after)) {
    change_filesystems(now, change);
    return change;
  }
  const auto& before = std::get<Interface>(update.before);
  const auto& after = std::get<Interface>(update.after);
  const auto apply = [this, running = now.running, owner = change.live](const Interface& from, const Interface& to) {
    const auto ports = outside_of(to).ports;
    const bool tell = from.bandwidth != to.bandwidth && (has_floor(from) || has_floor(to)) && !ports.empty();
    const auto told = [&](const Interface& one) {
      if (tell) services_.network_ports.set_bandwidth(ports.front(), one.bandwidth.value_or(domain_xml::Bandwidth{}));
    };
    told(to);
    try {
      update_guarded(*running, owner, from, to);
    } catch (...) {
      take_back(name_, "what a network guarantees", [&] { told(from); });
      throw;
    }
  };
  if (before.ips != after.ips || before.source != after.source)
    require_free_addresses(services_.registry, name_, {after});
  apply(before, after);
  change.undo = [apply, before, after] { apply(after, before); };
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
