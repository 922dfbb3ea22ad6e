// A container's links: made into its network namespace, then configured inside.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.hpp"
#include "container/lent_links.hpp"
#include "container/link_names.hpp"
#include "container/plan_container.hpp"
#include "netlink/macvlan.hpp"
#include "netlink/veth.hpp"

namespace container {

/// Owner of one link of a container; undoes what was made for it unless released.
class ContainerLink {
 public:
  using Owner = std::variant<netlink::Veth, netlink::Macvlan, LentLink>;
  explicit ContainerLink(Owner owner, std::optional<OvsPort> port = std::nullopt)
      : owner_(std::move(owner)), port_(std::move(port)) {}
  /// Of the host's end; empty and 0 for kinds that have none.
  std::string host_name() const;
  int host_index() const;
  void release() noexcept;

 private:
  Owner owner_;
  std::optional<OvsPort> port_;  // of the host's end
};

/// What can be seen to be wrong before anything is made: SystemError naming a bridge or device that does not exist,
/// ConfigUnsupported for VLANs in a bridge that does not filter them and for Open vSwitch where there is none.
void require_parents(const std::vector<LinkPlan>& plans);

/// One link per plan, in order. `inside` is a NETLINK_ROUTE socket of network namespace `netns`; the borrower is the
/// domain.
std::vector<ContainerLink> make_links(const std::vector<LinkPlan>& plans, LinkNames& names, int netns,
                                      netlink::Socket inside, const Borrower& borrower);

/// What would stay behind of a container that has ended: lent links come back, Open vSwitch ports go. The rest goes
/// with its network namespace.
void undo_links(const Borrower& borrower) noexcept;

/// Under which name ports are in Open vSwitch's database: domains of other daemons may have the same.
std::string ovs_owner(const Borrower& borrower);

}  // namespace container
