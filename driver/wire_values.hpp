// Small conversions between domains and their wire form, shared by the calls.
#pragma once

#include <cstdint>
#include <memory>

#include "driver/domain.hpp"
#include "driver/events.hpp"
#include "rpc/protocol.hpp"

namespace driver {

inline rpc::NonnullDomain to_wire(const DomainIdentity& domain) {
  return {domain.name, domain.uuid.bytes, domain.id};
}

/// The domain a client means: by uuid, since its name and id may be stale. Throws NoDomain.
std::shared_ptr<Domain> find_domain(const Services& services, const rpc::NonnullDomain& wanted);

/// Throws InvalidArg naming the bits that `api` does not know.
void require_flags(std::uint32_t given, std::uint32_t allowed, const char* api);

}  // namespace driver
