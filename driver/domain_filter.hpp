// Which domains a client means by VIR_CONNECT_LIST_DOMAINS_* flags (VIR_CONNECT_GET_ALL_DOMAINS_STATS_* are the same
// numbers).
#pragma once

#include <cstdint>
#include <vector>

#include "driver/domain.hpp"

namespace driver {

bool matches(const DomainSnapshot& domain, std::uint32_t flags);
/// Matching domains in order of name. Waits for none of them.
std::vector<DomainSnapshot> list_domains(const Services& services, std::uint32_t flags);

}  // namespace driver
