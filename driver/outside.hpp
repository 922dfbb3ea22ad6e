// What a container has of libvirt's other drivers: ports on their networks, and guards of its links' ends on the host.
#pragma once

#include <string>
#include <vector>

#include "domain-xml/definition.hpp"

namespace driver {

struct NetworkPort {
  std::string network, id;
  bool operator==(const NetworkPort&) const = default;
};

struct Outside {
  std::vector<NetworkPort> ports;
  std::vector<std::string> guarded_ends;
};

/// What a definition has that runs, or is about to: ports have ids before they are made, ends are named when they are.
Outside outside_of(const domain_xml::DomainDefinition& live);
Outside outside_of(const domain_xml::Interface& live);
/// What is in `all` and not in `kept`.
Outside without(const Outside& all, const Outside& kept);

}  // namespace driver
