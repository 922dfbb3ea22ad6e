// The parts of an OCI runtime `config.json`.
#pragma once

#include <cstdint>
#include <string>

#include "domain-xml/native_cgroup.hpp"
#include "domain-xml/native_json.hpp"
#include "domain-xml/native_parts.hpp"

namespace domain_xml {

constexpr char kOciNotConverted[] = "org.libvirt.lxcell.not-converted";

/// Paths hidden or read-only in every container of ours, so other runtimes are told to do the same.
inline constexpr const char* kOciHidden[] = {"/proc/acpi",
                                             "/proc/asound",
                                             "/proc/interrupts",
                                             "/proc/iomem",
                                             "/proc/ioports",
                                             "/proc/kallsyms",
                                             "/proc/kcore",
                                             "/proc/key-users",
                                             "/proc/keys",
                                             "/proc/kmsg",
                                             "/proc/kpagecgroup",
                                             "/proc/kpagecount",
                                             "/proc/kpageflags",
                                             "/proc/latency_stats",
                                             "/proc/mtrr",
                                             "/proc/sched_debug",
                                             "/proc/scsi",
                                             "/proc/slabinfo",
                                             "/proc/timer_list",
                                             "/proc/timer_stats",
                                             "/proc/vmallocinfo",
                                             "/sys/firmware",
                                             "/sys/devices/virtual/powercap"};
inline constexpr const char* kOciReadOnly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                               "/proc/sysrq-trigger"};

void read_oci_process(Conversion& conversion, JsonObject process);
void read_oci_resources(Conversion& conversion, CgroupReader& cgroup, const JsonObject& resources);
NetworkNamespace read_oci_namespaces(Conversion& conversion, JsonObject& linux);

JsonOwner oci_process(const DomainDefinition& definition);
JsonOwner oci_resources(const DomainDefinition& definition);
JsonOwner oci_namespaces(const DomainDefinition& definition);

}  // namespace domain_xml
