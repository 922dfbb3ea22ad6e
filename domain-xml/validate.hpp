// Every problem of a definition that can be seen without asking the host, each with libvirt's code.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/definition.hpp"
#include "domain-xml/device.hpp"

namespace domain_xml {

struct Problem {
  base::Code code;
  base::From from;
  std::string text;
};

/// Empty when the definition is acceptable. Checks arch and os type against `context` too (InvalidArg, d=44).
std::vector<Problem> validate(const DomainDefinition& definition, const DefaultsContext& context);

/// Throws the first problem as Error, its text followed by the others, one "; " apart.
void require_valid(const DomainDefinition& definition, const DefaultsContext& context);
/// The same for what can be seen of a device alone.
void require_valid(const Device& device);

/// What everything that is given to us goes through before it is used: apply_defaults(), then require_valid().
DomainDefinition accept_definition(DomainDefinition given, const DefaultsContext& context);

}  // namespace domain_xml
