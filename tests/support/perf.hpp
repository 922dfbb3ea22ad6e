// Perf events as a client asks for them.
#pragma once

#include <libvirt/libvirt.h>

#include <map>
#include <set>
#include <string>

namespace support {

/// The names of those that are enabled.
std::set<std::string> perf_events(virDomainPtr domain, unsigned flags = 0);
int set_perf_events(virDomainPtr domain, const std::map<std::string, bool>& events, unsigned flags = 0);
/// The perf group of the domain's statistics, without "perf.".
std::map<std::string, unsigned long long> perf_counts(virDomainPtr domain);

}  // namespace support
