// Audit records of containers (auditd(8)): VIRT_CONTROL for starts and ends, VIRT_MACHINE_ID for security labels,
// VIRT_RESOURCE for what a container is given, with libvirt's fields (its document "Audit log"), so that auvirt(8) and
// ausearch(8) find them.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "base/fd.hpp"
#include "cgroup/limits.hpp"
#include "container/audit_config.hpp"
#include "container/running.hpp"
#include "domain-xml/definition.hpp"

namespace container {

struct AuditRecord {
  int type = 0;  // AUDIT_VIRT_*
  std::string text;
  bool success = true;
  bool operator==(const AuditRecord&) const = default;
};
using AuditRecords = std::vector<AuditRecord>;

struct AuditFacts {
  pid_t supervisor = -1, init = -1;
  unsigned long pid_namespace = 0;          // inode number
  std::string cgroup;                       // path below the hierarchy
  std::vector<cgroup::DeviceRule> devices;  // allowed, all others denied
  bool operator==(const AuditFacts&) const = default;
};

// Pure, in the order in which they are written.
AuditRecords start_records(const domain_xml::DomainDefinition& live, const std::string& security_model,
                           const AuditFacts& facts);
AuditRecords failed_start_records(const domain_xml::DomainDefinition& definition);
/// `reason`: "destroyed", "shutdown", "crashed", "reboot", "failed".
AuditRecords end_records(const std::string& name, const base::Uuid& uuid, pid_t supervisor, const std::string& reason);
/// `reason`: "attach", "detach".
AuditRecords interface_records(const std::string& name, const base::Uuid& uuid, const std::string& reason,
                               const domain_xml::Interface& interface, bool success);
/// Disks and host devices that only one of the definitions has.
AuditRecords device_records(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                            bool success);
/// Filesystems that only one of the definitions has.
AuditRecords filesystem_records(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                                bool success);
/// Memory and processors, where they differ.
AuditRecords change_records(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                            bool success);
std::string end_reason(bool killed, const ExitRecord& exit);

/// The way into the kernel's audit system. Any thread.
class Audit {
 public:
  /// Throws ConfigUnsupported when level 2 is wanted and the host does not audit.
  explicit Audit(const AuditConfig& config);
  /// Never throws: a container does not fail for its records. What cannot be written is logged once.
  void write(const AuditRecords& records) noexcept;
  /// Whether anybody wants records now.
  bool wanted() const noexcept;

 private:
  base::Fd socket_;
  bool logging_ = false;
  bool complained_ = false;
  mutable std::mutex mutex_;
  mutable bool enabled_ = false;
  mutable std::chrono::steady_clock::time_point asked_;
};

/// Reports a change as it turns out: `write` gets true if leaving happens without an exception.
template <typename Change, typename Write>
auto audited(Change&& change, Write&& write) {
  try {
    if constexpr (std::is_void_v<decltype(change())>) {
      change();
      write(true);
    } else {
      auto result = change();
      write(true);
      return result;
    }
  } catch (...) {
    write(false);
    throw;
  }
}

}  // namespace container
