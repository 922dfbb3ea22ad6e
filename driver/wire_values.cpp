#include "driver/wire_values.hpp"

#include <libvirt/libvirt.h>

#include "base/activity.hpp"
#include "base/error.hpp"
#include "driver/domain_registry.hpp"

namespace driver {

std::shared_ptr<Domain> find_domain(const Services& services, const rpc::NonnullDomain& wanted) {
  const base::Uuid uuid{wanted.uuid};
  auto domain = services.registry.find(uuid);
  if (!domain)
    base::fail(base::Code::NoDomain, "no domain with matching uuid '", base::format_uuid(uuid), "' (", wanted.name,
               ")");
  base::note_domain(domain->name(), uuid);
  return domain;
}

void require_flags(std::uint32_t given, std::uint32_t allowed, const char* api) {
  if (const std::uint32_t unknown = given & ~allowed; unknown != 0)
    base::fail(base::Code::InvalidArg, "unsupported flags (0x", std::hex, unknown, ") in function ", api);
}

bool asks_config(const DomainSnapshot& domain, std::uint32_t flags, const char* api) {
  require_flags(flags, kAffect, api);
  if (flags == kAffect) base::fail(base::Code::InvalidArg, "flags 'live' and 'config' are mutually exclusive");
  return require_affected(domain, flags).config;
}

}  // namespace driver
