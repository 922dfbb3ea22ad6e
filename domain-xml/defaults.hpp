// What a definition leaves open and libvirt fills in: arch, MAC addresses, emulator, memory, console ports.
#pragma once

#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

struct DefaultsContext {
  std::string host_arch;                // uname machine as libvirt names it, "x86_64"
  std::string emulator;                 // the supervisor's path
  std::string security_model = "none";  // the host's first, as its capabilities say
};

/// Idempotent: defaults already filled in are kept.
void apply_defaults(DomainDefinition& definition, const DefaultsContext& context);

}  // namespace domain_xml
