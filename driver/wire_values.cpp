#include "driver/wire_values.hpp"

#include <libvirt/libvirt.h>

#include "base/error.hpp"
#include "driver/domain_registry.hpp"

namespace driver {

std::shared_ptr<Domain> find_domain(const Services& services, const rpc::NonnullDomain& wanted) {
  const base::Uuid uuid{wanted.uuid};
  auto domain = services.registry.find(uuid);
  if (!domain)
    base::fail(base::Code::NoDomain, "no domain with matching uuid '", base::format_uuid(uuid), "' (", wanted.name,
               ")");
  return domain;
}

void require_flags(std::uint32_t given, std::uint32_t allowed, const char* api) {
  if (const std::uint32_t unknown = given & ~allowed; unknown != 0)
    base::fail(base::Code::InvalidArg, "unsupported flags (0x", std::hex, unknown, ") in function ", api);
}

Affected require_affected(const DomainSnapshot& domain, std::uint32_t flags) {
  const bool active = domain.status.active();
  Affected affected{(flags & VIR_DOMAIN_AFFECT_LIVE) != 0, (flags & VIR_DOMAIN_AFFECT_CONFIG) != 0};
  if (!affected.live && !affected.config) (active ? affected.live : affected.config) = true;
  if (affected.live && !active)
    base::fail(base::Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  if (affected.config && !domain.persistent)
    base::fail(base::Code::OperationInvalid, "transient domain '", domain.identity.name,
               "' has no persistent configuration");
  return affected;
}

}  // namespace driver
