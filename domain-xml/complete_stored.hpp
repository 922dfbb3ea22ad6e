// What libvirt fills in and drops in elements that a container ignores, so that its documents read the same here.
#pragma once

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// Changes nothing in a definition that it has completed before.
void complete_stored(DomainDefinition& definition);

/// The attribute of `element` called `name`; nullptr when absent.
std::string* stored_attribute(Element& element, std::string_view name);
/// Its value; empty when absent.
std::string text_of(Element& element, std::string_view attribute);
/// Sets it, in place when it is there already and else behind all others.
void set_stored_attribute(Element& element, std::string_view name, std::string value);

/// Processor, counts of threads, pins and schedulers, firmware tables.
void complete_domain_elements(DomainDefinition& definition);
/// Devices that no container has.
void complete_other_devices(DomainDefinition& definition);

}  // namespace domain_xml
