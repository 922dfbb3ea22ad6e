#include "domain-xml/format_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

void write_vlan(Writer& writer, const Vlan& vlan) {
  writer.open("vlan");
  if (vlan.trunk) writer.attribute("trunk", "yes");
  for (const VlanTag& tag : vlan.tags)
    writer.open("tag").attribute("id", tag.id).attribute_if("nativeMode", tag.native_mode).close();
  writer.close();
}

void write_virtual_port(Writer& writer, const VirtualPort& port) {
  writer.open("virtualport").attribute_if("type", port.type);
  if (!port.parameters.empty()) {
    writer.open("parameters");
    for (const char* name : kVirtualPortParameters)
      if (const auto found = port.parameters.find(name); found != port.parameters.end())
        writer.attribute(name, found->second);
    writer.close();
  }
  writer.close();
}

void write_rate(Writer& writer, const char* direction, const std::optional<BandwidthRate>& rate) {
  if (!rate) return;
  writer.open(direction);
  if (rate->average != 0) writer.attribute("average", rate->average);
  writer.attribute_if("peak", rate->peak).attribute_if("floor", rate->floor).attribute_if("burst", rate->burst).close();
}

void write_bandwidth(Writer& writer, const Bandwidth& bandwidth) {
  writer.open("bandwidth");
  write_rate(writer, "inbound", bandwidth.inbound);
  write_rate(writer, "outbound", bandwidth.outbound);
  writer.close();
}

}  // namespace

PortSettings port_settings(const Interface& interface) {
  return {interface.vlan, interface.virtual_port, interface.bandwidth, interface.port_isolated, interface.mtu};
}

void write_port_settings(Writer& writer, const PortSettings& settings) {
  if (settings.vlan) write_vlan(writer, *settings.vlan);
  if (settings.virtual_port) write_virtual_port(writer, *settings.virtual_port);
  if (settings.bandwidth) write_bandwidth(writer, *settings.bandwidth);
  if (settings.isolated) writer.open("port").attribute("isolated", *settings.isolated ? "yes" : "no").close();
}

void write_filter(Writer& writer, const std::optional<FilterReference>& filter) {
  if (!filter) return;
  writer.open("filterref").attribute("filter", filter->filter);
  for (const auto& [name, value] : filter->parameters)
    writer.open("parameter").attribute("name", name).attribute("value", value).close();
  writer.close();
}

}  // namespace domain_xml
