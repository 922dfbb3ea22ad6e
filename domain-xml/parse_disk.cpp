#include "base/error.hpp"
#include "domain-xml/disk_name.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

bool has_path(const Disk& disk) {
  return disk.type == "block" || disk.type == "file";
}

void parse_source(const Node& source, Disk& disk) {
  if (!source) return;
  const std::string policy = word_attribute(source, "startupPolicy", kStartupPolicies);
  if (has_path(disk)) disk.source = source.attribute_text(disk.type == "block" ? "dev" : "file");
  Element kept = parse_stored(source, has_path(disk) ? "disk-source" : "disk-other-source");
  if (!has_path(disk) || !kept.children.empty()) disk.other_source = std::move(kept);
  if (!disk.source.empty() || disk.other_source) disk.startup_policy = policy;  // of an empty drive it means nothing
}

void parse_driver(const Node& driver, Disk& disk) {
  disk.driver_name = driver.attribute_text("name");
  disk.driver_format = driver.attribute_text("type");
  if (disk.driver_format == "aio") disk.driver_format = "raw";  // Xen's old word for it
  if (!disk.driver_format.empty() && !contains(kStorageFormats, disk.driver_format))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown driver format '", disk.driver_format, "'");
  disk.driver_cache = word_attribute(driver, "cache", kDiskCaches);
  if (disk.driver_cache == "default") disk.driver_cache.clear();
}

void parse_target(const Node& node, Disk& disk) {
  const Node target = node.child("target");
  disk.target = target.attribute_text("dev");
  if (disk.target.empty()) fail_from(From::Domain, Code::NoTarget, disk.source);
  disk.bus = word_attribute(target, "bus", kDiskBuses);
  if (disk.bus.empty()) disk.bus = disk_bus(disk.target);
}

unsigned address_number(const Node& address, const char* attribute) {
  return unsigned_attribute(address, attribute).value_or(0);
}

void parse_address(const Node& address, Disk& disk) {
  if (address.attribute_text("type") == "drive") {
    disk.address = DriveAddress{address_number(address, "controller"), address_number(address, "bus"),
                                address_number(address, "target"), address_number(address, "unit")};
  } else if (address) {
    disk.others.push_back(parse_stored(address, "address"));
  } else if (const auto index = disk_index(disk.target)) {
    disk.address = drive_address(disk.bus, *index);
  } else {
    fail_from(From::Domain, Code::XmlError, "unknown disk name '", disk.target, "' and no address given");
  }
}

}  // namespace

Disk parse_disk(const Node& node, Source origin) {
  Disk disk;
  if (const auto type = word_attribute(node, "type", kDiskTypes); !type.empty()) disk.type = type;
  if (const auto device = word_attribute(node, "device", kDiskDevices); !device.empty()) disk.device = device;
  const bool removable = disk.device == "cdrom" || disk.device == "floppy";
  parse_driver(node.child("driver"), disk);
  parse_source(node.child("source"), disk);
  parse_target(node, disk);
  if (disk.source.empty() && !disk.other_source && !removable) fail_from(From::Domain, Code::NoSource, disk.target);
  disk.readonly = node.child("readonly") || disk.device == "cdrom";
  disk.others = parse_stored_children(node, "disk");
  parse_stored_rest(node, "disk/attributes", "attributes", disk.others);
  parse_stored_rest(node.child("driver"), "disk/driver", "driver", disk.others);
  parse_stored_rest(node.child("target"), "disk/target", "target", disk.others);
  parse_user_alias(node, disk.others);
  if (origin == Source::Status) disk.alias = driver_alias(node, disk.others);
  parse_address(node.child("address"), disk);
  return disk;
}

}  // namespace domain_xml
