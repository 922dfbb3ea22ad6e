// What a disk may be read and written at: <iotune>, which is stored as it is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// The limits that a container's disks can have, in bytes and operations per second.
inline constexpr const char* kReadBytesSec = "read_bytes_sec";
inline constexpr const char* kWriteBytesSec = "write_bytes_sec";
inline constexpr const char* kReadIopsSec = "read_iops_sec";
inline constexpr const char* kWriteIopsSec = "write_iops_sec";

/// By libvirt's names; what is 0 means no limit and is left out.
using IoTune = std::map<std::string, std::uint64_t>;

/// Throws ConfigUnsupported for what the kernel cannot do, by its name: a limit of reading and writing together, a
/// burst, a group of disks, a size of operations.
IoTune io_tune(const Disk& disk);
/// Writes these down in place of what was said before.
void set_io_tune(Disk& disk, const IoTune& tune);

}  // namespace domain_xml
