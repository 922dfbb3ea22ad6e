#include "driver/network_ports.hpp"

#include <libvirt/virterror.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>
#include <variant>

#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/network_port.hpp"
#include "driver/libvirt_handles.hpp"

namespace driver {
namespace {

using domain_xml::InterfaceNetwork;

constexpr int kUsualMtu = 1500;  // what Ethernet links are born with

Network find_network(virConnectPtr connection, const std::string& name) {
  Network network(virNetworkLookupByName(connection, name.c_str()));
  if (!network) fail_as_libvirt();
  return network;
}

std::string text_of(const Port& port) {
  const Text text(virNetworkPortGetXMLDesc(port.get(), 0));
  if (!text) fail_as_libvirt();
  return text.get();
}

/// What libvirt's client library takes; a direction without limits is told as one of zeros, which means none.
class PortParameters {
 public:
  explicit PortParameters(const domain_xml::Bandwidth& bandwidth) {
    const auto inbound = bandwidth.inbound.value_or(domain_xml::BandwidthRate{});
    const auto outbound = bandwidth.outbound.value_or(domain_xml::BandwidthRate{});
    add(VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE, inbound.average);
    add(VIR_NETWORK_PORT_BANDWIDTH_IN_PEAK, inbound.peak.value_or(0));
    add(VIR_NETWORK_PORT_BANDWIDTH_IN_BURST, inbound.burst.value_or(0));
    add(VIR_NETWORK_PORT_BANDWIDTH_IN_FLOOR, inbound.floor.value_or(0));
    add(VIR_NETWORK_PORT_BANDWIDTH_OUT_AVERAGE, outbound.average);
    add(VIR_NETWORK_PORT_BANDWIDTH_OUT_PEAK, outbound.peak.value_or(0));
    add(VIR_NETWORK_PORT_BANDWIDTH_OUT_BURST, outbound.burst.value_or(0));
  }
  ~PortParameters() { virTypedParamsFree(list_, size_); }
  PortParameters(const PortParameters&) = delete;
  PortParameters& operator=(const PortParameters&) = delete;
  virTypedParameterPtr data() const { return list_; }
  int size() const { return size_; }

 private:
  void add(const char* name, std::uint64_t value) {
    if (virTypedParamsAddUInt(&list_, &size_, &room_, name, static_cast<unsigned>(value)) < 0) fail_as_libvirt();
  }
  virTypedParameterPtr list_ = nullptr;
  int size_ = 0, room_ = 0;
};

/// A network's <mtu> is its bridge's; a smaller port would shrink it, a larger one would send what it drops.
std::optional<unsigned> unusual_mtu(const std::string& bridge) {
  const base::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  bridge.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (!socket || ::ioctl(socket.get(), SIOCGIFMTU, &request) < 0 || request.ifr_mtu == kUsualMtu) return std::nullopt;
  return static_cast<unsigned>(request.ifr_mtu);
}

}  // namespace

void NetworkPorts::choose_id(domain_xml::Interface& interface) {
  if (auto* network = std::get_if<InterfaceNetwork>(&interface.source))
    network->port_id = base::format_uuid(base::Uuid::random());
}

void NetworkPorts::choose_ids(domain_xml::DomainDefinition& definition) {
  for (auto& interface : definition.interfaces) choose_id(interface);
}

domain_xml::Interface NetworkPorts::plug(const domain_xml::DomainDefinition& owner,
                                         const domain_xml::Interface& interface) {
  const auto* wanted = std::get_if<InterfaceNetwork>(&interface.source);
  if (!wanted) return interface;
  const std::string xml = domain_xml::format_network_port(owner, interface);
  const std::string made = client_.with([xml, name = wanted->network](virConnectPtr connection) {
    const Network network = find_network(connection, name);
    const Port port(virNetworkPortCreateXML(network.get(), xml.c_str(), 0));
    if (!port) fail_as_libvirt();
    return text_of(port);
  });
  domain_xml::Interface resolved = domain_xml::resolve_interface(interface, made);
  if (const auto* bridge = std::get_if<domain_xml::InterfaceBridge>(&resolved.source); bridge && !resolved.mtu)
    resolved.mtu = unusual_mtu(bridge->bridge);
  return resolved;
}

void NetworkPorts::plug(domain_xml::DomainDefinition& definition) {
  for (auto& interface : definition.interfaces) interface = plug(definition, interface);
}

void NetworkPorts::remove(const NetworkPort& port) {
  const auto uuid = base::parse_uuid(port.id);
  if (!uuid) return;
  client_.with([port, uuid](virConnectPtr connection) {
    const Network network(virNetworkLookupByName(connection, port.network.c_str()));
    if (!network && last_libvirt_code() == VIR_ERR_NO_NETWORK) return;  // and its ports with it
    if (!network) fail_as_libvirt();
    const Port found(virNetworkPortLookupByUUID(network.get(), uuid->bytes.data()));
    const bool gone = !found && (last_libvirt_code() == VIR_ERR_NO_NETWORK_PORT ||
                                 last_libvirt_code() == VIR_ERR_OPERATION_INVALID);  // network not active
    if (gone) return;
    if (!found || virNetworkPortDelete(found.get(), 0) < 0) fail_as_libvirt();
  });
}

void NetworkPorts::set_bandwidth(const NetworkPort& port, const domain_xml::Bandwidth& bandwidth) {
  const auto uuid = base::parse_uuid(port.id);
  if (!uuid) return;
  client_.with([port, uuid, bandwidth](virConnectPtr connection) {
    const Network network = find_network(connection, port.network);
    const Port found(virNetworkPortLookupByUUID(network.get(), uuid->bytes.data()));
    if (!found) fail_as_libvirt();
    const PortParameters parameters(bandwidth);
    if (virNetworkPortSetParameters(found.get(), parameters.data(), parameters.size(), 0) < 0) fail_as_libvirt();
  });
}

std::vector<NetworkPorts::Owned> NetworkPorts::all() noexcept {
  try {
    return client_.with([](virConnectPtr connection) {
      std::vector<Owned> found;
      virNetworkPtr* networks = nullptr;
      const int count = virConnectListAllNetworks(connection, &networks, VIR_CONNECT_LIST_NETWORKS_ACTIVE);
      if (count < 0) fail_as_libvirt();
      for (const Network& network : take_list<Network>(networks, count)) {
        virNetworkPortPtr* ports = nullptr;
        const int port_count = virNetworkListAllPorts(network.get(), &ports, 0);
        if (port_count < 0) continue;  // it has been stopped meanwhile
        for (const Port& port : take_list<Port>(ports, port_count)) {
          const auto owner = domain_xml::owner_of(text_of(port));
          base::Uuid id;
          if (!owner || virNetworkPortGetUUID(port.get(), id.bytes.data()) < 0) continue;
          found.push_back({*owner, {virNetworkGetName(network.get()), base::format_uuid(id)}});
        }
      }
      return found;
    });
  } catch (const std::exception& error) {
    base::log::info("ports of libvirt's networks cannot be looked through: {}", error.what());
    return {};
  }
}

}  // namespace driver
