#include "domain-xml/format_parts.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/stored.hpp"

namespace domain_xml {

namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string type_of(const Interface& interface, View view) {
  const auto resolved = [&](const std::string& network, const char* type, bool networks_own = false) {
    return !network.empty() && (view == View::Inactive || networks_own) ? "network" : type;
  };
  return std::visit(
      Overloaded{[](const InterfaceOther& other) { return other.type; },
                 [&](const InterfaceBridge& b) -> std::string { return resolved(b.network, "bridge", b.networks_own); },
                 [](const InterfaceNetwork&) -> std::string { return "network"; },
                 [&](const InterfaceDirect& d) -> std::string { return resolved(d.network, "direct"); },
                 [](const InterfaceEthernet&) -> std::string { return "ethernet"; },
                 [&](const InterfaceHostDevice& d) -> std::string { return resolved(d.network, "hostdev"); }},
      interface.source);
}

/// The network an interface belongs to, as the live forms show it.
template <typename From>
void write_network(Writer& writer, const From& from, View view) {
  writer.attribute_if("network", from.network);
  writer.attribute_if("portgroup", from.portgroup);
  if (view != View::Inactive) writer.attribute_if("portid", from.port_id);
}

void write_source(Writer& writer, const InterfaceBridge& bridge, View view) {
  writer.open("source");
  write_network(writer, bridge, view);
  if (view != View::Inactive || bridge.network.empty()) writer.attribute("bridge", bridge.bridge);
  writer.close();
}

void write_source(Writer& writer, const InterfaceNetwork& network, View view) {
  writer.open("source");
  write_network(writer, network, view);
  writer.close();
}

void write_source(Writer& writer, const InterfaceDirect& direct, View view) {
  writer.open("source");
  write_network(writer, direct, view);
  if (view != View::Inactive || direct.network.empty())
    writer.attribute("dev", direct.dev).attribute("mode", direct.mode);
  writer.close();
}

void write_source(Writer& writer, const InterfaceEthernet& ethernet, View) {
  if (ethernet == InterfaceEthernet{}) return;
  writer.open("source");
  for (const IpAddress& ip : ethernet.host_ips) write_ip(writer, ip);
  for (const Route& route : ethernet.host_routes) write_route(writer, route);
  writer.close();
}

void write_source(Writer& writer, const InterfaceHostDevice& device, View view) {
  if (device == InterfaceHostDevice{}) return;
  writer.open("source");
  write_network(writer, device, view);
  if (device.address && (view != View::Inactive || device.network.empty())) write_stored(writer, *device.address);
  writer.close();
}

void write_source(Writer& writer, const InterfaceOther& other, View) {
  if (other.source.empty() && other.source_children.empty()) return;
  writer.open("source");
  for (const char* name : kOtherSourceAttributes)
    if (const auto found = other.source.find(name); found != other.source.end()) writer.attribute(name, found->second);
  for (const Element& child : other.source_children) write_stored(writer, child);
  writer.close();
}

/// A name made up at start is shown where a configured one stands, and once more as `actual`, which marks it: fed back
/// as a definition it stays open.
void write_guest(Writer& writer, const Interface& interface, View view) {
  std::string dev = interface.guest_dev, actual = interface.guest_dev_actual;
  if (view == View::Inactive || (view == View::Live && dev == actual)) actual.clear();
  if (view == View::Live && dev.empty()) dev = actual;
  if (dev.empty() && actual.empty()) return;
  writer.open("guest").attribute_if("dev", dev);
  writer.attribute_if("actual", actual).close();
}

void write_names(Writer& writer, const Interface& interface, View view) {
  const bool hide_target = view == View::Inactive && is_generated_name(interface.target_dev);
  if (!interface.target_dev.empty() && !hide_target) {
    writer.open("target").attribute("dev", interface.target_dev);
    write_stored_rest(writer, interface.others, "target");
    writer.close();
  }
  write_guest(writer, interface, view);
}

void write_mtu(Writer& writer, const std::optional<unsigned>& mtu) {
  if (mtu) writer.open("mtu").attribute("size", *mtu).close();
}

void write_configured(Writer& writer, const PortSettings& configured) {
  writer.open("configured");
  write_port_settings(writer, configured);
  write_mtu(writer, configured.mtu);
  writer.close();
}

void write_script(Writer& writer, const char* name, const std::string& path) {
  if (!path.empty()) writer.open(name).attribute("path", path).close();
}

}  // namespace

void write_ip(Writer& writer, const IpAddress& ip) {
  writer.open("ip").attribute("address", ip.address).attribute("family", ip.family);
  writer.attribute_if("prefix", ip.prefix).attribute_if("peer", ip.peer).close();
}

void write_route(Writer& writer, const Route& route) {
  writer.open("route").attribute_if("family", route.family).attribute("address", route.address);
  if (route.netmask.empty())
    writer.attribute_if("prefix", route.prefix);
  else
    writer.attribute("netmask", route.netmask);
  writer.attribute("gateway", route.gateway).attribute_if("metric", route.metric).close();
}

void write_interface(Writer& writer, const Interface& interface, View view) {
  const auto stored = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) write_stored_named(writer, interface.others, name);
  };
  writer.open("interface").attribute("type", type_of(interface, view));
  write_stored_rest(writer, interface.others, "attributes");
  writer.open("mac").attribute("address", format_mac(interface.mac));
  writer.attribute_if("type", interface.mac_type);
  writer.attribute_if("check", interface.mac_check).close();
  std::visit([&](const auto& source) { write_source(writer, source, view); }, interface.source);
  const PortSettings now = port_settings(interface);
  const PortSettings shown = view == View::Inactive ? interface.configured_port.value_or(now) : now;
  write_port_settings(writer, shown);
  if (view == View::Status && interface.configured_port) write_configured(writer, *interface.configured_port);
  for (const IpAddress& ip : interface.ips) write_ip(writer, ip);
  for (const Route& route : interface.routes) write_route(writer, route);
  write_script(writer, "script", interface.script);
  write_script(writer, "downscript", interface.downscript);
  write_names(writer, interface, view);
  if (!interface.model.empty()) writer.open("model").attribute("type", interface.model).close();
  stored({"driver", "backend"});
  write_filter(writer, interface.filter);
  stored({"tune"});
  if (interface.link_up) writer.open("link").attribute("state", *interface.link_up ? "up" : "down").close();
  write_mtu(writer, shown.mtu);
  stored({"coalesce", "boot", "rom", "acpi", "teaming", "alias"});
  write_driver_alias(writer, interface.alias, view);
  stored({"address"});
  writer.close();
}

}  // namespace domain_xml
