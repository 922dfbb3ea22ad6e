#include "container/given_devices.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/error.hpp"
#include "container/loop_disk.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/io_tune.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::Disk;
using domain_xml::HostDevice;
using domain_xml::HostDeviceMode;

constexpr std::string_view kDev = "/dev/";
constexpr std::uint32_t kNodeMode = 0700;

void require_name_in_dev(const std::string& name, const std::string& what) {
  const std::string inside = "/" + name + "/";
  if (name.empty() || inside.find("/../") != inside.npos || inside.find("/./") != inside.npos ||
      inside.find("//") != inside.npos)
    base::fail(Code::ConfigUnsupported, what, ": '", name, "' is no name below /dev");
}

void require_loop_format(const Disk& disk, const std::string& what) {
  const auto& driver = disk.driver_name;
  const auto& format = disk.driver_format;
  if (!driver.empty() && driver != "loop")
    base::fail(Code::ConfigUnsupported, what, ": disk driver '", driver, "' is not supported, only 'loop' is");
  if (!format.empty() && format != "raw" && format != "none")
    base::fail(Code::ConfigUnsupported, what, ": disk format '", format,
               "' is not supported, only 'raw' is: convert it (qemu-img convert -O raw)");
}

GivenDevice given_disk(const Disk& disk, const base::Uuid& owner) {
  GivenDevice device{.source = disk.source,
                     .readonly = disk.readonly,
                     .name = disk.target,
                     .access = disk.readonly ? "rm" : "rwm",
                     .what = "disk '" + disk.target + "'"};
  require_name_in_dev(disk.target, device.what);
  if (disk.type != "block" && disk.type != "file")
    base::fail(Code::ConfigUnsupported, device.what, ": disks of type '", disk.type, "' are not supported");
  if (disk.source.empty()) base::fail(Code::ConfigUnsupported, device.what, " has no source");
  static_cast<void>(domain_xml::io_tune(disk));  // what it asks for that cannot be
  if (disk.type == "block") return device;
  require_loop_format(disk, device.what);
  device.kind = GivenDevice::Kind::Loop;
  device.source = loop_mark(base::format_uuid(owner), disk.target);
  device.file = disk.source;
  return device;
}

GivenDevice given_usb(const HostDevice& host_device) {
  GivenDevice device{.access = "rwm", .types = "c", .what = "hostdev of type usb"};
  if (const auto& address = host_device.usb_address) {
    device.source = fmt::format("/dev/bus/usb/{:03}/{:03}", address->bus, address->device);
  } else if (const auto& product = host_device.usb_product) {
    device.kind = GivenDevice::Kind::UsbProduct;
    device.source = fmt::format("{:04x}:{:04x}", product->vendor, product->product);
  } else {
    base::fail(Code::ConfigUnsupported, device.what, " has neither product nor address");
  }
  device.what += " '" + device.source + "'";
  return device;
}

GivenDevice given_host_device(const HostDevice& host_device) {
  if (host_device.mode == HostDeviceMode::Subsystem && host_device.type == "usb") return given_usb(host_device);
  const bool storage = host_device.type == "storage";
  if (host_device.mode != HostDeviceMode::Capabilities || (!storage && host_device.type != "misc"))
    base::fail(Code::ConfigUnsupported, "host devices of type '", host_device.type,
               "' are not supported, only usb, storage, misc and net are");
  GivenDevice device{.source = host_device.path,
                     .access = "rwm",
                     .types = storage ? "b" : "c",
                     .what = "hostdev '" + host_device.path + "'"};
  if (!device.source.starts_with(kDev)) base::fail(Code::ConfigUnsupported, device.what, " is not below /dev");
  device.name = device.source.substr(kDev.size());
  require_name_in_dev(device.name, device.what);
  return device;
}

}  // namespace

std::vector<GivenDevice> given_devices(const domain_xml::DomainDefinition& definition) {
  std::vector<GivenDevice> devices;
  for (const auto& disk : definition.disks) devices.push_back(given_disk(disk, definition.uuid));
  for (const auto& device : definition.host_devices)
    if (!is_network_device(device)) devices.push_back(given_host_device(device));
  return devices;
}

DeviceNode plan_node(const GivenDevice& device, const DeviceFactsBySource& facts) {
  const auto found = facts.find(device.source);
  const int error = found == facts.end() ? ENOENT : found->second.error;
  const std::string& host = device.file.empty() ? device.source : device.file;
  if (error) base::fail_errno_value(error, Code::SystemError, device.what, ": cannot reach '", host, "'");
  const DeviceFacts& fact = found->second;
  if (fact.type == 0 || !std::strchr(device.types, fact.type))
    base::fail(Code::ConfigUnsupported, device.what, ": '", host, "' is no ",
               std::strcmp(device.types, "c") == 0   ? "character"
               : std::strcmp(device.types, "b") == 0 ? "block"
                                                     : "block or character",
               " device");
  const std::string name = device.name.empty() ? fact.path.substr(kDev.size()) : device.name;
  return {.path = name, .type = fact.type, .major = fact.major, .minor = fact.minor, .mode = kNodeMode};
}

std::vector<cgroup::DeviceRule> given_device_rules(const std::vector<GivenDevice>& devices,
                                                   const DeviceFactsBySource& facts) {
  std::vector<cgroup::DeviceRule> rules;
  for (const auto& device : devices) {
    const auto found = facts.find(device.source);
    if (found == facts.end() || found->second.error || found->second.type == 0) continue;
    rules.push_back({found->second.type, static_cast<int>(found->second.major), static_cast<int>(found->second.minor),
                     device.access});
  }
  return rules;
}

}  // namespace container
