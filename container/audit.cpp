#include "container/audit.hpp"

#include <fmt/format.h>
#include <libaudit.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/plan_security.hpp"
#include "domain-xml/format.hpp"

namespace container {
namespace {

using domain_xml::DomainDefinition;

/// The kernel makes a thread for each answer.
constexpr std::chrono::seconds kAnswerHolds{1};

/// key="value"; a value that could pass for more than one field becomes hexadecimal digits, as ausearch(8) knows.
std::string field(const char* key, const std::string& value) {
  const std::unique_ptr<char, decltype(&std::free)> text(::audit_encode_nv_string(key, value.c_str(), 0), &std::free);
  return text ? text.get() : std::string(key) + "=?";
}

std::string whose(const std::string& name, const base::Uuid& uuid) {
  return field("vm", name) + " uuid=" + base::format_uuid(uuid);
}

std::string whose(const DomainDefinition& definition) {
  return whose(definition.name, definition.uuid);
}

AuditRecord control(const std::string& what, const std::string& who, const std::string& more, bool success = true) {
  return {AUDIT_VIRT_CONTROL, fmt::format("virt=lxc {} {} {}", what, who, more), success};
}

AuditRecord resource(const std::string& kind, const std::string& reason, const std::string& who,
                     const std::string& more, bool success = true) {
  return {AUDIT_VIRT_RESOURCE, fmt::format("virt=lxc resrc={} reason={} {} {}", kind, reason, who, more), success};
}

AuditRecord number_resource(const char* kind, const char* key, const char* reason, const std::string& who,
                            unsigned long before, unsigned long after, bool success = true) {
  return resource(kind, reason, who, fmt::format("old-{0}={1} new-{0}={2}", key, before, after), success);
}

std::string number(int device) {
  return device < 0 ? "*" : fmt::format("{:02X}", device);
}

AuditRecord disk_resource(const std::string& reason, const std::string& who, const std::string& before,
                          const std::string& after, bool success = true) {
  return resource("disk", reason, who, field("old-disk", before) + " " + field("new-disk", after), success);
}

/// Of a network device there is none: its link has its own.
std::optional<std::string> host_device_fields(const domain_xml::HostDevice& device) {
  if (device.mode == domain_xml::HostDeviceMode::Capabilities) {
    if (device.type == "storage") return field("disk", device.path);
    if (device.type == "misc") return field("chardev", device.path);
    return std::nullopt;
  }
  if (const auto& address = device.usb_address)
    return "bus=usb " + field("device", fmt::format("{:03}.{:03}", address->bus, address->device));
  if (const auto& product = device.usb_product)
    return "bus=usb " + field("device", fmt::format("{:04x}:{:04x}", product->vendor, product->product));
  return std::nullopt;
}

void add_host_device(AuditRecords& records, const std::string& reason, const std::string& who,
                     const domain_xml::HostDevice& device, bool success = true) {
  if (const auto fields = host_device_fields(device))
    records.push_back(resource("hostdev", reason, who, *fields, success));
}

void add_devices(AuditRecords& records, const std::string& who, const AuditFacts& facts) {
  const std::string cgroup = field("cgroup", facts.cgroup);
  records.push_back(resource("cgroup", "deny", who, cgroup + " class=all"));
  for (const auto& rule : facts.devices)
    records.push_back(resource(
        "cgroup", "allow", who,
        fmt::format("{} class={} category={} maj={} min={} acl={}", cgroup, rule.minor < 0 ? "major" : "path",
                    rule.type == 'b' ? "block" : "char", number(rule.major), number(rule.minor), rule.access)));
}

}  // namespace

AuditRecords start_records(const DomainDefinition& live, const std::string& security_model, const AuditFacts& facts) {
  const std::string who = whose(live);
  AuditRecords records;
  for (const auto& filesystem : live.filesystems)
    records.push_back(resource("fs", "start", who, field("old-fs", "?") + " " + field("new-fs", filesystem.source)));
  for (const auto& interface : live.interfaces)
    records.push_back(resource("net", "start", who, "old-net=? new-net=" + domain_xml::format_mac(interface.mac)));
  for (const auto& disk : live.disks) records.push_back(disk_resource("start", who, "?", disk.source));
  for (const auto& device : live.host_devices) add_host_device(records, "start", who, device);
  records.push_back(number_resource("mem", "mem", "start", who, 0, live.current_memory_kib));
  records.push_back(number_resource("vcpu", "vcpu", "start", who, 0, current_vcpus(live)));
  add_devices(records, who, facts);
  if (const auto* label = find_label(live, security_model); label && !label->label.empty())
    records.push_back(
        {AUDIT_VIRT_MACHINE_ID, fmt::format("virt=lxc {} {} {} model={}", who, field("vm-ctx", label->label),
                                            field("img-ctx", label->image_label), security_model)});
  records.push_back(control("op=start reason=booted", who, fmt::format("vm-pid={}", facts.supervisor)));
  records.push_back(
      control("op=init", who,
              fmt::format("vm-pid={} init-pid={} pid-ns={}", facts.supervisor, facts.init, facts.pid_namespace)));
  return records;
}

AuditRecords failed_start_records(const DomainDefinition& definition) {
  return {control("op=start reason=booted", whose(definition), "vm-pid=-1", false)};
}

AuditRecords end_records(const std::string& name, const base::Uuid& uuid, pid_t supervisor, const std::string& reason) {
  return {control("op=stop reason=" + reason, whose(name, uuid), fmt::format("vm-pid={}", supervisor))};
}

AuditRecords interface_records(const std::string& name, const base::Uuid& uuid, const std::string& reason,
                               const domain_xml::Interface& interface, bool success) {
  const std::string mac = domain_xml::format_mac(interface.mac);
  const bool comes = reason == "attach";
  return {resource("net", reason, whose(name, uuid),
                   fmt::format("old-net={} new-net={}", comes ? "?" : mac, comes ? mac : "?"), success)};
}

AuditRecords device_records(const DomainDefinition& before, const DomainDefinition& after, bool success) {
  const std::string who = whose(after);
  AuditRecords records;
  const auto add = [&](const DomainDefinition& in, const DomainDefinition& out, const char* reason) {
    const bool comes = &in == &after;
    for (const auto& disk : in.disks)
      if (std::ranges::count(out.disks, disk) == 0)
        records.push_back(disk_resource(reason, who, comes ? "?" : disk.source, comes ? disk.source : "?", success));
    for (const auto& device : in.host_devices)
      if (std::ranges::count(out.host_devices, device) == 0) add_host_device(records, reason, who, device, success);
  };
  add(before, after, "detach");
  add(after, before, "attach");
  return records;
}

AuditRecords filesystem_records(const DomainDefinition& before, const DomainDefinition& after, bool success) {
  const std::string who = whose(after);
  AuditRecords records;
  const auto add = [&](const DomainDefinition& in, const DomainDefinition& out, const char* reason) {
    for (const auto& one : in.filesystems) {
      if (std::ranges::count(out.filesystems, one) != 0) continue;
      const bool comes = &in == &after;
      records.push_back(resource(
          "fs", reason, who,
          field("old-fs", comes ? "?" : one.source) + " " + field("new-fs", comes ? one.source : "?"), success));
    }
  };
  add(before, after, "detach");
  add(after, before, "attach");
  return records;
}

AuditRecords change_records(const DomainDefinition& before, const DomainDefinition& after, bool success) {
  const std::string who = whose(after);
  AuditRecords records;
  if (before.current_memory_kib != after.current_memory_kib)
    records.push_back(
        number_resource("mem", "mem", "update", who, before.current_memory_kib, after.current_memory_kib, success));
  if (current_vcpus(before) != current_vcpus(after))
    records.push_back(
        number_resource("vcpu", "vcpu", "update", who, current_vcpus(before), current_vcpus(after), success));
  return records;
}

std::string end_reason(bool killed, const ExitRecord& exit) {
  if (killed) return "destroyed";
  if (exit.cause == ExitCause::Reboot) return "reboot";
  const bool orderly =
      exit.cause == ExitCause::PowerOff ||
      (exit.cause == ExitCause::Exited && WIFEXITED(exit.wait_status) && WEXITSTATUS(exit.wait_status) == 0);
  return orderly ? "shutdown" : "crashed";
}

Audit::Audit(const AuditConfig& config) : logging_(config.logging) {
  if (config.level > 0) socket_ = base::Fd(::audit_open());
  if (config.level > 1 && (!socket_ || ::audit_is_enabled(socket_.get()) <= 0))
    base::fail(base::Code::ConfigUnsupported, "this host does not audit, and audit_level is 2");
}

bool Audit::wanted() const noexcept {
  const std::scoped_lock lock(mutex_);
  if (logging_ || !socket_) return logging_;
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_ >= kAnswerHolds) {
    asked_ = now;
    enabled_ = ::audit_is_enabled(socket_.get()) > 0;
  }
  return enabled_;
}

void Audit::write(const AuditRecords& records) noexcept {
  if (records.empty() || !wanted()) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& record : records) {
    if (logging_)
      base::log::write(base::log::Level::Info, fmt::format("audit {}: {} res={}", record.type, record.text,
                                                           record.success ? "success" : "failed"));
    if (!socket_) continue;
    const int sent = ::audit_log_user_message(socket_.get(), record.type, record.text.c_str(), nullptr, nullptr,
                                              nullptr, record.success ? 1 : 0);
    if (sent > 0 || complained_) continue;
    complained_ = true;
    base::log::warning("audit records cannot be written: {}", std::strerror(-sent));
  }
}

}  // namespace container
