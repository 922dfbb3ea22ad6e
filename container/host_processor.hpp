// What the host's processor says of itself, through the CPUID instruction and its model specific registers.
#pragma once

#include <optional>

#include "domain-xml/cpu_map.hpp"

namespace container {

/// nullopt where there is no such leaf or register, or no such instruction (other than x86). A register needs the
/// kernel's msr module and privilege (msr(4)); eax and edx are its low and high half.
std::optional<domain_xml::CpuRegisters> read_processor(const domain_xml::CpuQuestion& question);

}  // namespace container
