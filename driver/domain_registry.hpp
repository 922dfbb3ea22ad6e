// All domains, by name, uuid and id. Looking up and listing never wait for any domain's work.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/uuid.hpp"
#include "driver/domain.hpp"

namespace driver {

class DomainRegistry {
 public:
  std::shared_ptr<Domain> find(const base::Uuid& uuid) const;
  std::shared_ptr<Domain> find(const std::string& name) const;
  std::shared_ptr<Domain> find_by_id(int id) const;
  /// Listed domains, in order of name.
  std::vector<std::shared_ptr<Domain>> all() const;
  /// Unlisted ones too, in no order; nullopt when the registry is being changed at this moment. Waits for nobody.
  std::optional<std::vector<std::shared_ptr<Domain>>> try_all() const;

  /// The domain with exactly this name and uuid, made (unlisted) if neither is taken. Throws OperationFailed (domain
  /// 20) when only one of the two matches.
  std::shared_ptr<Domain> reserve(Services& services, const std::string& name, const base::Uuid& uuid);
  void remove(const Domain& domain);

  // A new name for a domain: first the name is taken by what the domain will be, then that is in its place.

  /// Throws OperationInvalid when there is a domain of that name.
  void reserve_name(const std::shared_ptr<Domain>& renamed);
  void free_name(const std::string& name);
  /// `load` makes `renamed` listed, at the same instant for everybody.
  void replace(const Domain& domain, const std::shared_ptr<Domain>& renamed, const std::function<void()>& load);

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<base::Uuid, std::shared_ptr<Domain>> by_uuid_;
  using ByName = std::vector<std::shared_ptr<Domain>>;

  /// Where the domain of this name is, or has its place.
  ByName::const_iterator place_of(const std::string& name) const;
  bool has(const std::string& name) const;
  void forget_name(const std::string& name);

  ByName by_name_;  // in that order, as lists are, which walk all of it: in a tree 10,000 took 1 ms longer
};

/// The same, or NoDomain thrown as libvirt words it.
std::shared_ptr<Domain> require_domain(const DomainRegistry& registry, const std::string& name);
std::shared_ptr<Domain> require_domain(const DomainRegistry& registry, const base::Uuid& uuid);
std::shared_ptr<Domain> require_domain(const DomainRegistry& registry, int id);

}  // namespace driver
