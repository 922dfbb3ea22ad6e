// The families of typed parameters (schedinfo, memtune, blkiotune, numatune, perf): their names and types, what a
// definition and the kernel say of them, and how they change a definition. Names and units are those of
// libvirt-domain.h.
#pragma once

#include <vector>

#include "container/host_facts.hpp"
#include "container/running.hpp"
#include "domain-xml/definition.hpp"
#include "driver/parameters.hpp"

namespace driver {

/// A running domain's limits, with what is needed to say them in the client's words.
struct LimitsInForce {
  cgroup::Limits limits;
  const domain_xml::DomainDefinition& live;
  container::LimitFacts facts;  // of `live`
};

struct TunableFamily {
  const char* getter;  // libvirt's names of the calls
  const char* setter;
  Parameters (*stored)(const domain_xml::DomainDefinition& definition);
  Parameters (*in_force)(const LimitsInForce& now);
  /// Throws InvalidArg naming the parameter.
  void (*change)(domain_xml::DomainDefinition& definition, const Parameters& parameters);
};

extern const TunableFamily kSchedulerTunables;
extern const TunableFamily kMemoryTunables;
extern const TunableFamily kBlockTunables;
extern const TunableFamily kNumaTunables;
extern const TunableFamily kPerfTunables;

}  // namespace driver
