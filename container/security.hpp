// The host's security driver as the launcher uses it: which model holds, and its labels for containers, made before a
// start and let go of after the end.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "container/apparmor.hpp"
#include "container/plan_security.hpp"

namespace container {

struct SecurityConfig {
  std::string driver;  // "none", "apparmor", "selinux"; empty: what the host has
  bool default_confined = true, require_confined = false;
  std::string apparmor_profile;  // the file with the shared profile
};

/// "none", "apparmor" or "selinux". Throws ConfigUnsupported for a wanted one this kernel does not enforce.
std::string find_security_model(const std::string& wanted);

/// The lines `key = "value"` of SELinux's lxc_contexts file; empty values for keys it lacks.
struct LxcContexts {
  std::string process, file;
};
LxcContexts parse_lxc_contexts(const std::string& text);

/// Two of SELinux's 1024 categories, "c10,c20", that no other container of this daemon has; the same for one uuid as
/// long as they are free.
class McsCategories {
 public:
  std::string take(const base::Uuid& uuid);
  /// Of a container found again: `label` ends with its categories.
  void keep(const base::Uuid& uuid, const std::string& label);
  void release(const base::Uuid& uuid) noexcept;

 private:
  std::mutex mutex_;
  std::map<std::string, base::Uuid> owners_;
};

class Security {
 public:
  /// Loads the shared profile where AppArmor is used; logs if containers cannot be confined.
  explicit Security(const SecurityConfig& config);

  const std::string& model() const { return model_; }
  /// SELinux's context of containers that name none, without categories; empty where there is none.
  std::string base_label() const;
  /// Throws as plan_label() does. Logs why a container is not confined that should be.
  LabelPlan plan(const domain_xml::DomainDefinition& definition);
  /// Makes what the label needs in the kernel. Throws SystemError. Any thread.
  void load(const LabelPlan& label);
  /// Takes over what the live definition says a container has.
  void adopt(const domain_xml::DomainDefinition& live);
  /// Whatever a domain may have had.
  void release(const base::Uuid& uuid) noexcept;

 private:
  SecurityFacts facts(const base::Uuid& uuid);

  const SecurityConfig config_;
  const std::string model_;
  AppArmor apparmor_;
  McsCategories categories_;
};

}  // namespace container
