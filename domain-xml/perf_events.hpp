// The perf events a definition has counted: <perf><event name='cpu_clock' enabled='yes'/></perf>, which is stored as it
// is.
#pragma once

#include <set>
#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// All that libvirt knows, in its order.
inline constexpr const char* kPerfEvents[] = {"cmt",
                                              "mbmt",
                                              "mbml",
                                              "cpu_cycles",
                                              "instructions",
                                              "cache_references",
                                              "cache_misses",
                                              "branch_instructions",
                                              "branch_misses",
                                              "bus_cycles",
                                              "stalled_cycles_frontend",
                                              "stalled_cycles_backend",
                                              "ref_cpu_cycles",
                                              "cpu_clock",
                                              "task_clock",
                                              "page_faults",
                                              "context_switches",
                                              "cpu_migrations",
                                              "page_faults_min",
                                              "page_faults_maj",
                                              "alignment_faults",
                                              "emulation_faults"};

/// Those with enabled='yes'.
std::set<std::string> perf_events(const DomainDefinition& definition);
/// Writes it down as enabled or not, in place of what was said of it before.
void set_perf_event(DomainDefinition& definition, const std::string& name, bool enabled);

}  // namespace domain_xml
