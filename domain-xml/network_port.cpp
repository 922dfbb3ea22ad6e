#include "domain-xml/network_port.hpp"

#include "base/error.hpp"
#include "domain-xml/format_parts.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"

namespace domain_xml {

namespace {

/// As an interface's source has it, where the bus is named too.
Element pci_address(const Node& address) {
  Element element = parse_stored(address, "hostdev-pci/source/address");
  element.attributes.insert(element.attributes.begin(), {"type", "pci"});
  return element;
}

}  // namespace

std::string format_network_port(const DomainDefinition& owner, const Interface& interface) {
  const auto& network = std::get<InterfaceNetwork>(interface.source);
  Writer writer;
  writer.open("networkport").leaf("uuid", network.port_id);
  writer.open("owner").leaf("name", owner.name).leaf("uuid", base::format_uuid(owner.uuid)).close();
  writer.leaf_if("group", network.portgroup);
  writer.open("mac").attribute("address", format_mac(interface.mac)).close();
  write_port_settings(writer, port_settings(interface));
  writer.close();
  return writer.take();
}

Interface resolve_interface(const Interface& interface, std::string_view port_xml) {
  const auto& network = std::get<InterfaceNetwork>(interface.source);
  const Document document(port_xml, "(network port)");
  const Node port = document.root();
  const Node plug = port.child("plug");
  const std::string type = plug.attribute_text("type");
  Interface resolved = interface;
  if ((type == "network" || type == "bridge") && plug.attribute("bridge"))
    resolved.source = InterfaceBridge{plug.attribute_text("bridge"), network.network, network.portgroup,
                                      network.port_id, type == "network"};
  else if (type == "direct" && plug.attribute("dev"))
    resolved.source = InterfaceDirect{plug.attribute_text("dev"), plug.attribute_text("mode"), network.network,
                                      network.portgroup, network.port_id};
  else if (type == "hostdev-pci" && plug.child("address"))
    resolved.source =
        InterfaceHostDevice{pci_address(plug.child("address")), network.network, network.portgroup, network.port_id};
  else
    base::fail(base::Code::InternalError, "a port of network '", network.network, "' leads nowhere (plug '", type,
               "')");
  resolved.configured_port = port_settings(interface);
  set_port_settings(parse_port_settings(port, TypeMayBeOpen::No), resolved);
  return resolved;
}

std::optional<base::Uuid> owner_of(std::string_view xml) {
  const Document document(xml, "(owner)");
  return base::parse_uuid(document.root().child("owner").child("uuid").text());
}

}  // namespace domain_xml
