// Small conversions between domains and their wire form, shared by the calls.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "driver/domain.hpp"
#include "driver/events.hpp"
#include "rpc/protocol.hpp"

namespace driver {

/// Which of its definitions a call is about; neither: the one in force.
constexpr std::uint32_t kAffect = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;

inline rpc::NonnullDomain to_wire(const DomainIdentity& domain) {
  return {domain.name, domain.uuid.bytes, domain.id};
}

/// The domain a client means: by uuid, since its name and id may be stale. Throws NoDomain.
std::shared_ptr<Domain> find_domain(const Services& services, const rpc::NonnullDomain& wanted);

/// Throws InvalidArg naming the bits that `api` does not know.
void require_flags(std::uint32_t given, std::uint32_t allowed, const char* api);
/// Which of the two definitions a question with VIR_DOMAIN_AFFECT_* flags and no others is about: true for the next
/// boot's. Throws InvalidArg for both at once, otherwise as require_affected().
bool asks_config(const DomainSnapshot& domain, std::uint32_t flags, const char* api);

/// The answer to a question for as many parameters as the client has room for; 0 asks how many there are.
template <typename Ret>
Ret limited(std::vector<rpc::TypedParam> params, std::int64_t wanted) {
  if (wanted < 0) base::fail(base::Code::InvalidArg, "invalid number of parameters ", wanted);
  Ret ret;
  if (wanted == 0) {
    ret.nparams = static_cast<std::int32_t>(params.size());
    return ret;
  }
  params.resize(std::min(params.size(), static_cast<std::size_t>(wanted)));
  ret.params = std::move(params);
  return ret;
}

/// Sets the bit of `cpu` if the map has it: libvirt's cpumaps begin with the lowest bit of the first byte.
inline void mark_cpu(std::string& cpumap, std::size_t cpu) {
  if (cpu / 8 < cpumap.size()) cpumap[cpu / 8] = static_cast<char>(cpumap[cpu / 8] | 1 << cpu % 8);
}

}  // namespace driver
