// The domain capabilities document (virConnectGetDomainCapabilities): which parts of a definition take effect here.
#pragma once

#include <string>

namespace domain_xml {

/// What the client asked about; empty members take the host's values.
struct DomainCapabilitiesQuestion {
  std::string emulator, arch, machine, type;
};

struct DomainCapabilitiesHost {
  std::string arch, emulator;
  unsigned max_vcpus = 1;
};

/// Throws InvalidArg for another domain type, an architecture this host cannot run, another emulator, or a machine
/// type (containers have none).
void require_offered(const DomainCapabilitiesQuestion& question, const DomainCapabilitiesHost& host);

/// Throws as require_offered().
std::string format_domain_capabilities(const DomainCapabilitiesQuestion& question, const DomainCapabilitiesHost& host);

}  // namespace domain_xml
