// The controllers that devices hang on. A container has none, but libvirt's documents name them.
#pragma once

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// Numbers controllers without an index and adds those that devices need. Idempotent.
void add_controllers(DomainDefinition& definition);

}  // namespace domain_xml
