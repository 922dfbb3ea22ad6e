// What a container gets and loses while it runs: interfaces, limits, devices and file systems, each all or nothing.
#include <algorithm>
#include <functional>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "container/affinity.hpp"
#include "container/container_links.hpp"
#include "container/device_nodes.hpp"
#include "container/live_links.hpp"
#include "container/live_mounts.hpp"
#include "container/loop_disk.hpp"
#include "container/ovs_port.hpp"
#include "container/plan_container.hpp"
#include "container/running_shared.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

std::vector<GivenDevice> without(std::vector<GivenDevice> devices, const std::vector<GivenDevice>& others) {
  std::erase_if(devices, [&](const GivenDevice& device) { return std::ranges::count(others, device) != 0; });
  return devices;
}

/// The container's root.
HostRoot root_on_host(const domain_xml::DomainDefinition& definition) {
  const auto map = with_id_map(definition).idmap;
  return {to_host_id(map.uids, 0).value_or(0), to_host_id(map.gids, 0).value_or(0)};
}

}  // namespace

std::function<void(bool)> SupervisedContainer::audit_interface(const char* reason,
                                                               const domain_xml::Interface& interface) {
  return [&parts = shared_->parts, reason, interface](bool success) {
    parts.audit->write(interface_records(parts.name, parts.uuid, reason, interface, success));
  };
}

domain_xml::Interface SupervisedContainer::attach_interface(const domain_xml::Interface& interface) {
  return audited([&] { return make_interface(interface); }, audit_interface("attach", interface));
}

domain_xml::Interface SupervisedContainer::make_interface(const domain_xml::Interface& interface) {
  auto& parts = shared_->parts;
  const base::Fd network = open_namespace("net");
  LiveLink made = attach_link(interface, *names_, network.get(), parts.borrower());
  if (made.link.host_index() != 0) {
    parts.links.emplace_back(made.link.host_name(), made.link.host_index());
    parts.facts.host_links.push_back(made.link.host_name());
  }
  made.link.release();
  return std::move(made.live);
}

void SupervisedContainer::detach_interface(const domain_xml::Interface& live) {
  audited([&] { remove_interface(live); }, audit_interface("detach", live));
}

void SupervisedContainer::remove_interface(const domain_xml::Interface& live) {
  auto& parts = shared_->parts;
  if (live.target_dev.empty()) return remove_link_inside(live, open_namespace("net").get(), parts.borrower());
  if (live.virtual_port && live.virtual_port->type == "openvswitch") remove_ovs_port(live.target_dev);
  // A name may have belonged to an earlier link, too, which has gone.
  netlink::Socket host;
  const auto index = netlink::find_link(host, live.target_dev);
  if (index && std::ranges::count(parts.links, std::pair(live.target_dev, *index)) > 0)
    netlink::delete_link(host, *index);
  std::erase_if(parts.links, [&](const auto& link) { return link.first == live.target_dev; });
  std::erase(parts.facts.host_links, live.target_dev);
}

void SupervisedContainer::update_interface(const domain_xml::Interface& before, const domain_xml::Interface& after) {
  change_link(before, after, open_namespace("net").get(), shared_->parts.borrower());
}

void SupervisedContainer::change_limits(const domain_xml::DomainDefinition& before,
                                        const domain_xml::DomainDefinition& after) {
  audited([&] { enforce_limits(before, after); },
          [&](bool success) { shared_->parts.audit->write(change_records(before, after, success)); });
}

void SupervisedContainer::enforce_limits(const domain_xml::DomainDefinition& before,
                                         const domain_xml::DomainDefinition& after) {
  const std::shared_lock lock(group_mutex_);
  require_group();
  LimitFacts facts = read_limit_facts(after), old = read_limit_facts(before);
  facts.devices.merge(old.devices);
  if (facts.online_cpus.empty()) facts.online_cpus = std::move(old.online_cpus);
  const cgroup::Limits change = plan_limit_change(before, after, facts);
  if (change != cgroup::Limits()) shared_->parts.group->update(change);
  const std::string pin = domain_xml::emulator_pin(after.cpu_tune);
  if (pin != domain_xml::emulator_pin(before.cpu_tune)) set_affinity(id(), pin);
}

void SupervisedContainer::change_devices(const domain_xml::DomainDefinition& before,
                                         const domain_xml::DomainDefinition& after) {
  require_running_init();
  audited([&] { exchange_devices(before, after); },
          [&](bool success) { shared_->parts.audit->write(device_records(before, after, success)); });
}

void SupervisedContainer::exchange_devices(const domain_xml::DomainDefinition& before,
                                           const domain_xml::DomainDefinition& after) {
  auto& parts = shared_->parts;
  const auto had = given_devices(before), has = given_devices(after);
  const auto added = without(has, had), removed = without(had, has);
  auto loops = attach_loops(added);
  std::vector<DeviceNode> made;
  const auto facts = read_device_facts(added);
  for (const auto& device : added) made.push_back(plan_node(device, facts));
  change_limits(before, after);
  const auto [owner, group] = root_on_host(after);
  auto node = made.begin();
  try {
    for (; node != made.end(); ++node) make_node_inside(parts.init, *node, owner, group);
  } catch (...) {
    while (node != made.begin()) remove_node_inside(parts.init, *--node);
    change_limits(after, before);
    throw;
  }
  parts.loops = parts.loops || !loops.empty();
  for (auto& loop : loops) loop.release();
  const auto old = read_device_facts(removed);
  for (const auto& device : removed) {
    if (old.at(device.source).error == 0) remove_node_inside(parts.init, plan_node(device, old));
    if (device.kind == GivenDevice::Kind::Loop) detach_loop(device.source);
  }
}

void SupervisedContainer::change_filesystems(const domain_xml::DomainDefinition& before,
                                             const domain_xml::DomainDefinition& after,
                                             const std::function<void()>& prepared) {
  require_running_init();
  auto& parts = shared_->parts;
  HostFacts facts;
  facts.sources = read_source_facts(after);
  auto& points = parts.facts.mount_points;
  const MountChange change = plan_mount_change(before, after, facts);
  std::vector<int> processes;
  {
    const std::shared_lock lock(group_mutex_);
    require_group();
    if (!change.removed.empty()) processes = parts.group->processes(cgroup::Scope::Payload);
  }
  const auto earlier = points;
  for (const auto& step : change.added)
    if (step.create != CreateTarget::No) std::ranges::copy(parts.root.missing(step.target), std::back_inserter(points));
  try {
    if (!change.added.empty()) prepared();
    const auto made = audited([&] { return change_mounts(parts.init, change, root_on_host(after), processes); },
                              [&](bool success) { parts.audit->write(filesystem_records(before, after, success)); });
    points = earlier;
    points.insert(points.end(), made.begin(), made.end());
  } catch (...) {
    std::erase_if(points, [&](const std::string& point) { return !parts.root.has(point); });
    throw;
  }
  std::vector<std::string> idle;
  std::ranges::remove_copy_if(points, std::back_inserter(idle), [&](const std::string& point) {
    return std::ranges::any_of(after.filesystems, [&](const auto& filesystem) {
      return filesystem.target == point || filesystem.target.starts_with(point + "/");
    });
  });
  if (parts.root.remove(mount_point_list(idle)))
    std::erase_if(points, [&](const std::string& point) {
      return std::ranges::count(idle, point) != 0 && !parts.root.has(point);  // else the end of the run removes it
    });
}

}  // namespace container
