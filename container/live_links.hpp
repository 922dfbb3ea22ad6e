// Interfaces of a container that runs already: made as a start makes them, changed, and removed.
#pragma once

#include <optional>

#include "container/container_links.hpp"
#include "container/link_names.hpp"
#include "container/traffic.hpp"
#include "domain-xml/definition.hpp"

namespace container {

struct LiveLink {
  domain_xml::Interface live;  // with its names on both sides
  ContainerLink link;
};

/// In network namespace `netns`. Without a name of its own it gets the first ethN that is free there. Throws
/// OperationInvalid when that namespace is the daemon's own, otherwise as plan_link() and make_links().
LiveLink attach_link(const domain_xml::Interface& interface, LinkNames& names, int netns, const Borrower& borrower);

/// What differs of link state, mtu, bandwidth, addresses and routes, and of its bridge (a plain one or Open vSwitch's)
/// and what it is there: isolation, VLANs, virtualport. A failure takes back what was done.
void change_link(const domain_xml::Interface& before, const domain_xml::Interface& after, int netns,
                 const Borrower& borrower);

/// What a link without an end on the host has counted; nullopt: it is gone.
std::optional<Traffic> read_traffic_inside(const domain_xml::Interface& live, int netns);

/// Removes a link that has no end on the host: one that was lent goes home. One that is gone already is success.
void remove_link_inside(const domain_xml::Interface& live, int netns, const Borrower& borrower);

}  // namespace container
