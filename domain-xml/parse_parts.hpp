// The parts of a domain document, one function each; private to this library.
#pragma once

#include "domain-xml/definition.hpp"
#include "domain-xml/node.hpp"

namespace domain_xml {

/// Whose text it is: a user's definition, or our own state file with everything live in it.
enum class Source { Config, Status };

void parse_memory(const Node& domain, DomainDefinition& definition);
void parse_memory_tune(const Node& domain, DomainDefinition& definition);
void parse_block_tune(const Node& domain, DomainDefinition& definition);
void parse_numa_tune(const Node& domain, DomainDefinition& definition);
void parse_security_labels(const Node& domain, DomainDefinition& definition, Source source);
void parse_shared_namespaces(const Node& domain, DomainDefinition& definition);
void parse_extension(const Node& domain, DomainDefinition& definition);
void parse_vcpu(const Node& domain, DomainDefinition& definition);
void parse_cpu_tune(const Node& domain, DomainDefinition& definition);
void parse_resource(const Node& domain, DomainDefinition& definition);
void parse_features(const Node& domain, DomainDefinition& definition);
void parse_lifecycle(const Node& domain, DomainDefinition& definition);
void parse_clock(const Node& domain, DomainDefinition& definition);
void parse_os_type(const Node& domain, DomainDefinition& definition);
void parse_init(const Node& domain, DomainDefinition& definition);
void parse_idmap(const Node& domain, DomainDefinition& definition);
void parse_devices(const Node& domain, DomainDefinition& definition, Source source);
void parse_metadata(const Node& domain, DomainDefinition& definition);

Disk parse_disk(const Node& node, Source origin);
HostDevice parse_host_device(const Node& node, Source origin);
Filesystem parse_filesystem(const Node& node, Source source);
/// A virtualport may leave its type to the network.
enum class TypeMayBeOpen { No, Yes };
PortSettings parse_port_settings(const Node& node, TypeMayBeOpen open);
void set_port_settings(const PortSettings& settings, Interface& interface);
/// What the switch and the filters do with an interface: vlan, virtualport, bandwidth, port, filterref, scripts.
void parse_port(const Node& node, Interface& interface);
Interface parse_interface(const Node& node, Source source);
Console parse_console(const Node& node, Source source);

}  // namespace domain_xml
