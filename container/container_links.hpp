// A starting container's links: veth pairs made into its network namespace, then configured inside.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "container/link_names.hpp"
#include "container/plan_container.hpp"
#include "netlink/veth.hpp"

namespace container {

/// Throws SystemError naming a bridge that does not exist, before anything is made.
void require_bridges(const std::vector<LinkPlan>& plans);

/// One veth per plan, in order. `inside` is a NETLINK_ROUTE socket of network namespace `netns`.
std::vector<netlink::Veth> make_links(const std::vector<LinkPlan>& plans, LinkNames& names, int netns, base::Fd inside);

}  // namespace container
