#include <fmt/format.h>

#include "domain-xml/format_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

void write_usb_source(Writer& writer, const HostDevice& device) {
  const auto id = [&](const char* name, unsigned value) {
    writer.open(name).attribute("id", fmt::format("0x{:04x}", value)).close();
  };
  writer.open("source").attribute_if("startupPolicy", device.startup_policy);
  write_stored_rest(writer, device.others, "source-attributes");
  if (device.usb_product) {
    id("vendor", device.usb_product->vendor);
    id("product", device.usb_product->product);
  }
  if (device.usb_address)
    writer.open("address")
        .attribute("bus", device.usb_address->bus)
        .attribute("device", device.usb_address->device)
        .close();
  writer.close();
}

const char* path_element(const HostDevice& device) {
  if (device.type == "storage") return "block";
  return device.type == "misc" ? "char" : "interface";
}

}  // namespace

void write_host_device(Writer& writer, const HostDevice& device, View view) {
  const bool capability = device.mode == HostDeviceMode::Capabilities;
  writer.open("hostdev").attribute("mode", word_for(kHostDeviceModes, device.mode)).attribute("type", device.type);
  if (!capability) writer.attribute("managed", device.managed ? "yes" : "no");
  writer.attribute_if("model", device.model);
  write_stored_rest(writer, device.others, "attributes");
  write_stored_named(writer, device.others, "driver");
  if (capability)
    writer.open("source").leaf(path_element(device), device.path).close();
  else if (device.type == "usb")
    write_usb_source(writer, device);
  for (const char* name : {"source", "readonly", "shareable"}) write_stored_named(writer, device.others, name);
  for (const IpAddress& ip : device.ips) write_ip(writer, ip);
  for (const Route& route : device.routes) write_route(writer, route);
  for (const char* name : {"teaming", "boot", "rom", "alias"}) write_stored_named(writer, device.others, name);
  write_driver_alias(writer, device.alias, view);
  write_stored_named(writer, device.others, "address");
  writer.close();
}

}  // namespace domain_xml
