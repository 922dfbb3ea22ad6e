// Ports on libvirt's networks for interfaces of type 'network': made before a container starts, through libvirt's own
// API, so that its accounting and hooks see them, and deleted when the container is gone. A port's id is chosen and on
// disk before the port is made, so that a later daemon can delete what this one left. Worker threads.
#pragma once

#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "domain-xml/definition.hpp"
#include "driver/outside.hpp"
#include "driver/sibling_client.hpp"

namespace driver {

class NetworkPorts {
 public:
  explicit NetworkPorts(const Siblings& siblings) : client_(siblings, rpc::Subdriver::Network) {}

  /// Gives every interface of type 'network' the id its port will have.
  static void choose_ids(domain_xml::DomainDefinition& definition);
  static void choose_id(domain_xml::Interface& interface);

  /// Makes the port of an interface that has an id; the interface as it runs. Other interfaces are returned as they
  /// are. Throws NoNetwork for an unknown network and what its driver says about others (not active ...).
  domain_xml::Interface plug(const domain_xml::DomainDefinition& owner, const domain_xml::Interface& interface);
  /// The same for all of them. When it throws, some may have been made.
  void plug(domain_xml::DomainDefinition& definition);

  /// Deletes a port; one that is gone is success.
  void remove(const NetworkPort& port);
  /// What the network guarantees a port and lets through it.
  void set_bandwidth(const NetworkPort& port, const domain_xml::Bandwidth& bandwidth);

  struct Owned {
    base::Uuid owner;
    NetworkPort port;
  };
  /// Every port of every active network; none where there is no network driver.
  std::vector<Owned> all() noexcept;

 private:
  SiblingClient client_;
};

}  // namespace driver
