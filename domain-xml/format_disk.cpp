#include "domain-xml/format_parts.hpp"
#include "domain-xml/stored.hpp"

namespace domain_xml {

namespace {

void write_source(Writer& writer, const Disk& disk) {
  if (disk.source.empty() && !disk.other_source) return;
  writer.open("source");
  if (!disk.source.empty()) writer.attribute(disk.type == "block" ? "dev" : "file", disk.source);
  if (disk.other_source)
    for (const auto& [name, value] : disk.other_source->attributes) writer.attribute(name, value);
  writer.attribute_if("startupPolicy", disk.startup_policy);
  if (disk.other_source)
    for (const Element& child : disk.other_source->children) write_stored(writer, child);
  writer.close();
}

void write_address(Writer& writer, const DriveAddress& address) {
  writer.open("address").attribute("type", "drive").attribute("controller", address.controller);
  writer.attribute("bus", address.bus).attribute("target", address.target).attribute("unit", address.unit).close();
}

}  // namespace

void write_disk(Writer& writer, const Disk& disk, View view) {
  writer.open("disk").attribute("type", disk.type).attribute("device", disk.device);
  write_stored_rest(writer, disk.others, "attributes");
  write_driver(writer, {{"name", disk.driver_name}, {"type", disk.driver_format}, {"cache", disk.driver_cache}},
               disk.others);
  write_stored_named(writer, disk.others, "auth");
  write_source(writer, disk);
  write_stored_named(writer, disk.others, "backingStore");
  for (const char* name : {"geometry", "blockio"}) write_stored_named(writer, disk.others, name);
  writer.open("target").attribute("dev", disk.target).attribute("bus", disk.bus);
  write_stored_rest(writer, disk.others, "target");
  writer.close();
  write_stored_named(writer, disk.others, "iotune");
  if (disk.readonly) writer.empty("readonly");
  for (const char* name : {"shareable", "transient", "serial", "wwn", "vendor", "product", "boot"})
    write_stored_named(writer, disk.others, name);
  write_stored_named(writer, disk.others, "alias");
  write_driver_alias(writer, disk.alias, view);
  if (disk.address) write_address(writer, *disk.address);
  write_stored_named(writer, disk.others, "address");
  writer.close();
}

}  // namespace domain_xml
