// Links and limits of a definition as lines for LXC.
#include "base/error.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/native_cgroup.hpp"
#include "domain-xml/native_lxc.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

template <typename Link>
void write_addresses(LxcWriter& writer, const std::string& prefix, const Link& link) {
  for (const IpAddress& ip : link.ips)
    writer.line(prefix + ip.family + ".address", ip.address + (ip.prefix ? "/" + std::to_string(*ip.prefix) : ""));
  for (const Route& route : link.routes) {
    const bool v6 = route.family == "ipv6";
    const bool is_default = route.address == (v6 ? "::" : "0.0.0.0") && route.prefix.value_or(0) == 0;
    if (is_default) writer.line(prefix + (v6 ? "ipv6" : "ipv4") + ".gateway", route.gateway);
  }
}

/// False when LXC has no network of the kind.
bool write_source(LxcWriter& writer, const std::string& prefix, const Interface& interface) {
  if (const auto* bridge = std::get_if<InterfaceBridge>(&interface.source)) {
    writer.line(prefix + "type", "veth");
    writer.line(prefix + "link", bridge->bridge);
  } else if (std::holds_alternative<InterfaceEthernet>(interface.source)) {
    writer.line(prefix + "type", "veth");
  } else if (const auto* direct = std::get_if<InterfaceDirect>(&interface.source);
             direct != nullptr && !direct->dev.empty()) {
    writer.line(prefix + "type", "macvlan");
    writer.line(prefix + "link", direct->dev);
    writer.line(prefix + "macvlan.mode", direct->mode == "passthrough" ? "passthru" : direct->mode);
  } else {
    return false;
  }
  return true;
}

bool write_interface(LxcWriter& writer, const std::string& prefix, const Interface& interface) {
  if (!write_source(writer, prefix, interface)) return false;
  if (interface.link_up.value_or(false)) writer.line(prefix + "flags", "up");
  if (interface.mac != MacAddress{}) writer.line(prefix + "hwaddr", format_mac(interface.mac));
  if (interface.mtu) writer.line(prefix + "mtu", *interface.mtu);
  writer.line(prefix + "name", interface.guest_dev);
  if (!std::holds_alternative<InterfaceDirect>(interface.source))
    writer.line(prefix + "veth.pair", interface.target_dev);
  write_addresses(writer, prefix, interface);
  return true;
}

void write_memory(LxcWriter& writer, const DomainDefinition& definition) {
  const MemoryTune& tune = definition.memory_tune;
  const std::uint64_t limit = tune.hard_limit_kib.value_or(definition.memory_kib);
  const std::string text = limit >= kUnlimitedKib ? "max" : std::to_string(limit * 1024);
  writer.line("lxc.cgroup2.memory.max", text);
  if (tune.soft_limit_kib) writer.line("lxc.cgroup2.memory.high", *tune.soft_limit_kib * 1024);
  if (tune.swap_hard_limit_kib && *tune.swap_hard_limit_kib >= limit)
    writer.line("lxc.cgroup2.memory.swap.max", (*tune.swap_hard_limit_kib - limit) * 1024);
  writer.line("lxc.cgroup.memory.limit_in_bytes", text == "max" ? "-1" : text);
  if (tune.soft_limit_kib) writer.line("lxc.cgroup.memory.soft_limit_in_bytes", *tune.soft_limit_kib * 1024);
  if (tune.swap_hard_limit_kib) writer.line("lxc.cgroup.memory.memsw.limit_in_bytes", *tune.swap_hard_limit_kib * 1024);
}

void write_cpu(LxcWriter& writer, const DomainDefinition& definition) {
  const CpuTune& tune = definition.cpu_tune;
  if (tune.shares.value_or(0) != 0) writer.line("lxc.cgroup2.cpu.weight", cpu_weight_of_shares(*tune.shares));
  if (tune.quota_us) {
    const std::string quota = *tune.quota_us < 0 ? "max" : std::to_string(*tune.quota_us);
    writer.line("lxc.cgroup2.cpu.max", quota + (tune.period_us ? " " + std::to_string(*tune.period_us) : ""));
  }
  if (tune.shares.value_or(0) != 0) writer.line("lxc.cgroup.cpu.shares", *tune.shares);
  if (tune.period_us) writer.line("lxc.cgroup.cpu.cfs_period_us", *tune.period_us);
  if (tune.quota_us) writer.line("lxc.cgroup.cpu.cfs_quota_us", std::to_string(*tune.quota_us));
  for (const char* version : {"lxc.cgroup2.", "lxc.cgroup."}) {
    writer.line(std::string(version) + "cpuset.cpus", definition.cpuset);
    if (definition.numa_tune && definition.numa_tune->mode == NumaMode::Strict)
      writer.line(std::string(version) + "cpuset.mems", definition.numa_tune->nodeset);
  }
}

void write_block(LxcWriter& writer, const BlockTune& tune) {
  if (tune.weight.value_or(0) != 0) {
    writer.line("lxc.cgroup2.io.weight", "default " + std::to_string(*tune.weight));
    writer.line("lxc.cgroup.blkio.weight", *tune.weight);
  }
  for (const BlockDeviceTune& device : tune.devices) {
    const auto number = block_device_number(device.path);
    if (!number) continue;
    std::string limits;
    const auto write = [&](const char* v2, const char* v1, const std::optional<std::uint64_t>& limit) {
      if (!limit) return;
      limits += base::join(' ', v2, '=', *limit);
      writer.line(base::join("lxc.cgroup.blkio.throttle.", v1, "_device"), base::join(*number, ' ', *limit));
    };
    write("rbps", "read_bps", device.read_bytes_sec);
    write("wbps", "write_bps", device.write_bytes_sec);
    write("riops", "read_iops", device.read_iops_sec);
    write("wiops", "write_iops", device.write_iops_sec);
    if (!limits.empty()) writer.line("lxc.cgroup2.io.max", *number + limits);
    if (!device.weight) continue;
    writer.line("lxc.cgroup2.io.weight", base::join(*number, ' ', *device.weight));
    writer.line("lxc.cgroup.blkio.weight_device", base::join(*number, ' ', *device.weight));
  }
}

void write_extension_limits(LxcWriter& writer, const Extension& extension) {
  if (extension.pids_limit)
    for (const char* version : {"lxc.cgroup2.", "lxc.cgroup."})
      writer.line(std::string(version) + "pids.max", *extension.pids_limit);
  const auto text = [](const std::optional<std::uint64_t>& limit) {
    return limit ? std::to_string(*limit) : "unlimited";
  };
  for (const ResourceLimit& limit : extension.resource_limits)
    writer.line("lxc.prlimit." + limit.name, text(limit.soft) + ":" + text(limit.hard));
}

}  // namespace

void write_lxc_networks(LxcWriter& writer, const DomainDefinition& definition) {
  unsigned index = 0;
  const auto prefix = [&] { return "lxc.net." + std::to_string(index) + "."; };
  for (const Interface& interface : definition.interfaces)
    if (write_interface(writer, prefix(), interface)) ++index;
  for (const HostDevice& device : definition.host_devices) {
    if (device.mode != HostDeviceMode::Capabilities || device.type != "net") continue;
    writer.line(prefix() + "type", "phys");
    writer.line(prefix() + "link", device.path);
    write_addresses(writer, prefix(), device);
    ++index;
  }
  if (index != 0 || definition.shared_net) return;
  const bool own = definition.features.privnet || !definition.interfaces.empty();
  writer.line(prefix() + "type", own ? "empty" : "none");
}

void write_lxc_limits(LxcWriter& writer, const DomainDefinition& definition) {
  write_memory(writer, definition);
  write_cpu(writer, definition);
  write_block(writer, definition.block_tune);
  write_extension_limits(writer, definition.extension);
}

}  // namespace domain_xml
