#include "driver/domain_registry.hpp"

#include <algorithm>
#include <mutex>

#include "base/error.hpp"

namespace driver {
namespace {

std::shared_ptr<Domain> if_listed(const std::shared_ptr<Domain>& domain) {
  return domain->listed() ? domain : nullptr;
}

}  // namespace

std::shared_ptr<Domain> DomainRegistry::find(const base::Uuid& uuid) const {
  const std::shared_lock lock(mutex_);
  const auto at = by_uuid_.find(uuid);
  return at == by_uuid_.end() ? nullptr : if_listed(at->second);
}

std::shared_ptr<Domain> DomainRegistry::find(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  return has(name) ? if_listed(*place_of(name)) : nullptr;
}

DomainRegistry::ByName::const_iterator DomainRegistry::place_of(const std::string& name) const {
  return std::ranges::lower_bound(
      by_name_, name, {}, [](const auto& domain) -> const auto& { return domain->name(); });
}

bool DomainRegistry::has(const std::string& name) const {
  const auto at = place_of(name);
  return at != by_name_.end() && (*at)->name() == name;
}

void DomainRegistry::forget_name(const std::string& name) {
  if (has(name)) by_name_.erase(place_of(name));
}

std::shared_ptr<Domain> DomainRegistry::find_by_id(int id) const {
  if (id < 0) return nullptr;
  const std::shared_lock lock(mutex_);
  for (const auto& [uuid, domain] : by_uuid_)
    if (domain->identity().id == id) return if_listed(domain);
  return nullptr;
}

std::vector<std::shared_ptr<Domain>> DomainRegistry::all() const {
  std::vector<std::shared_ptr<Domain>> domains;
  {
    const std::shared_lock lock(mutex_);
    domains.reserve(by_name_.size());
    for (const auto& domain : by_name_)
      if (domain->listed()) domains.push_back(domain);
  }
  return domains;
}

std::optional<std::vector<std::shared_ptr<Domain>>> DomainRegistry::try_all() const {
  const std::shared_lock lock(mutex_, std::try_to_lock);
  if (!lock) return std::nullopt;
  std::vector<std::shared_ptr<Domain>> domains;
  domains.reserve(by_uuid_.size());
  for (const auto& [uuid, domain] : by_uuid_) domains.push_back(domain);
  return domains;
}

std::shared_ptr<Domain> DomainRegistry::reserve(Services& services, const std::string& name, const base::Uuid& uuid) {
  const std::unique_lock lock(mutex_);
  const auto same_uuid = by_uuid_.find(uuid);
  const auto same_name = has(name) ? *place_of(name) : nullptr;
  if (same_uuid != by_uuid_.end() && same_uuid->second->name() != name)
    base::fail_from(base::From::Domain, base::Code::OperationFailed, "domain '", same_uuid->second->name(),
                    "' is already defined with uuid ", base::format_uuid(uuid));
  if (same_name && same_name->uuid() != uuid)
    base::fail_from(base::From::Domain, base::Code::OperationFailed, "domain '", name, "' already exists with uuid ",
                    base::format_uuid(same_name->uuid()));
  if (same_uuid != by_uuid_.end()) return same_uuid->second;
  auto domain = std::make_shared<Domain>(services, name, uuid);
  by_uuid_.emplace(uuid, domain);
  by_name_.insert(place_of(name), domain);
  return domain;
}

void DomainRegistry::remove(const Domain& domain) {
  const std::unique_lock lock(mutex_);
  const auto at = by_uuid_.find(domain.uuid());
  if (at == by_uuid_.end() || at->second.get() != &domain) return;
  forget_name(domain.name());
  by_uuid_.erase(at);
}

void DomainRegistry::reserve_name(const std::shared_ptr<Domain>& renamed) {
  const std::unique_lock lock(mutex_);
  if (has(renamed->name()))
    base::fail(base::Code::OperationInvalid, "domain with name '", renamed->name(), "' already exists");
  by_name_.insert(place_of(renamed->name()), renamed);
}

void DomainRegistry::free_name(const std::string& name) {
  const std::unique_lock lock(mutex_);
  forget_name(name);
}

void DomainRegistry::replace(const Domain& domain, const std::shared_ptr<Domain>& renamed,
                             const std::function<void()>& load) {
  const std::unique_lock lock(mutex_);
  load();
  forget_name(domain.name());
  by_uuid_[domain.uuid()] = renamed;
}

std::shared_ptr<Domain> require_domain(const DomainRegistry& registry, const std::string& name) {
  const auto domain = registry.find(name);
  if (!domain) base::fail(base::Code::NoDomain, "no domain with matching name '", name, "'");
  return domain;
}

std::shared_ptr<Domain> require_domain(const DomainRegistry& registry, const base::Uuid& uuid) {
  const auto domain = registry.find(uuid);
  if (!domain) base::fail(base::Code::NoDomain, "no domain with matching uuid '", base::format_uuid(uuid), "'");
  return domain;
}

std::shared_ptr<Domain> require_domain(const DomainRegistry& registry, int id) {
  const auto domain = registry.find_by_id(id);
  if (!domain) base::fail(base::Code::NoDomain, "no domain with matching id ", id);
  return domain;
}

}  // namespace driver
