// The parts of a domain document as text, one function each; private to this library.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "domain-xml/definition.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {

void write_block_tune(Writer& writer, const BlockTune& tune);
void write_numa_tune(Writer& writer, const std::optional<NumaTune>& tune);
void write_security_label(Writer& writer, const SecurityLabel& label, View view);
bool has_shared_namespaces(const DomainDefinition& definition);
void write_shared_namespaces(Writer& writer, const DomainDefinition& definition);
bool has_extension(const DomainDefinition& definition);
void write_extension(Writer& writer, const DomainDefinition& definition);
void write_memory_tune(Writer& writer, const MemoryTune& tune);
void write_vcpu(Writer& writer, const DomainDefinition& definition);
void write_cpu_tune(Writer& writer, const CpuTune& tune);
/// `others`: where the stored children of os are kept.
void write_os(Writer& writer, const Os& os, const std::vector<Element>& others);
void write_idmap(Writer& writer, const IdMap& idmap);
void write_features(Writer& writer, const Features& features);
void write_clock(Writer& writer, const Clock& clock);
void write_devices(Writer& writer, const DomainDefinition& definition, View view);

/// `<driver>` with those attributes that have a value and what is stored of it in `others`; nothing without either.
void write_driver(Writer& writer, std::initializer_list<std::pair<std::string_view, std::string_view>> attributes,
                  const std::vector<Element>& others);
void write_disk(Writer& writer, const Disk& disk, View view);
void write_host_device(Writer& writer, const HostDevice& device, View view);
/// What a driver made up: where running devices are shown.
void write_driver_alias(Writer& writer, const std::string& alias, View view);
void write_ip(Writer& writer, const IpAddress& ip);
void write_route(Writer& writer, const Route& route);
void write_filesystem(Writer& writer, const Filesystem& filesystem, View view);
/// vlan, virtualport, bandwidth and port of an interface.
void write_port_settings(Writer& writer, const PortSettings& settings);
PortSettings port_settings(const Interface& interface);
void write_filter(Writer& writer, const std::optional<FilterReference>& filter);
void write_interface(Writer& writer, const Interface& interface, View view);
void write_console(Writer& writer, const Console& console, unsigned port, View view);

}  // namespace domain_xml
