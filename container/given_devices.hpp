// Devices of the host that a container is given: disks, and host devices of types storage, misc and usb. Each is a node
// in its /dev and a rule in its device policy. Pure; what the host has is asked by read_device_facts().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cgroup/limits.hpp"
#include "container/plan.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// What a source is on this host.
struct DeviceFacts {
  int error = 0;  // errno when it cannot be reached
  char type = 0;  // 'b' or 'c'; 0: no device
  unsigned major = 0, minor = 0;
  std::string path;  // where its node is
  bool operator==(const DeviceFacts&) const = default;
};
using DeviceFactsBySource = std::map<std::string, DeviceFacts>;

struct GivenDevice {
  enum class Kind {
    Node,        // `source` is the path of a device
    Loop,        // `source` is the mark of the loop device that shows `file` (loop_disk.hpp)
    UsbProduct,  // `source` is "VVVV:PPPP"
  } kind = Kind::Node;
  std::string source;
  std::string file;
  bool readonly = false;
  std::string name;    // below /dev inside; empty: as on the host
  std::string access;  // of the device policy
  const char* types = "bc";
  std::string what;  // for messages: "disk 'vda'"
  bool operator==(const GivenDevice&) const = default;
};

/// Throws ConfigUnsupported for what cannot be given: other kinds of disks and host devices, a disk without source, a
/// name that leads out of /dev.
std::vector<GivenDevice> given_devices(const domain_xml::DomainDefinition& definition);

/// Throws SystemError for one that cannot be reached, ConfigUnsupported for one of the wrong type.
DeviceNode plan_node(const GivenDevice& device, const DeviceFactsBySource& facts);
/// Those that cannot be reached have none.
std::vector<cgroup::DeviceRule> given_device_rules(const std::vector<GivenDevice>& devices,
                                                   const DeviceFactsBySource& facts);

}  // namespace container
