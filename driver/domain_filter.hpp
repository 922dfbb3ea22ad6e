// Which domains a client means by VIR_CONNECT_LIST_DOMAINS_* flags (VIR_CONNECT_GET_ALL_DOMAINS_STATS_* are the same
// numbers).
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "driver/domain.hpp"

namespace driver {

bool matches(const DomainStanding& domain, std::uint32_t flags);
/// Matching domains in order of name; if `visible` is given, only these. Waits for none of them.
std::vector<DomainIdentity> list_identities(const Services& services, const std::set<base::Uuid>* visible,
                                            std::uint32_t flags);
/// The same with all that is known of them.
std::vector<DomainSnapshot> list_domains(const Services& services, const std::set<base::Uuid>* visible,
                                         std::uint32_t flags);

}  // namespace driver
