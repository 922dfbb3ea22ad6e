// The processors that cputune's vcpupin and emulatorpin name, in the stored elements of a definition.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// By vcpu, in libvirt's list syntax.
std::map<unsigned, std::string> vcpu_pins(const CpuTune& tune);
/// An empty list removes the pin.
void set_vcpu_pin(CpuTune& tune, unsigned vcpu, const std::string& cpus);

/// Empty when there is none.
std::string emulator_pin(const CpuTune& tune);
void set_emulator_pin(CpuTune& tune, const std::string& cpus);

/// cputune/global_quota, global_period and the like; nullopt when absent or no number.
std::optional<std::int64_t> stored_number(const CpuTune& tune, const char* name);

}  // namespace domain_xml
