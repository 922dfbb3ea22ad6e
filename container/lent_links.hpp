// Links of the host that a container has while it runs. A network namespace that ends takes virtual links with it, and
// hands real ones back with the name and address the guest gave them; so the namespace is kept by a bind mount until
// its links are out of it again, and what they were (name, MAC address, MTU) is on disk before they go:
// DIRECTORY/lent/LINK.{link,netns}.
#pragma once

#include <string>

#include "container/plan_container.hpp"
#include "netlink/socket.hpp"

namespace container {

/// Whose links, and where that is written down.
struct Borrower {
  std::string directory, domain;
  std::string uuid;
};

/// Owner of what is on loan; gives it back unless released.
class LentLink {
 public:
  /// Moves a link into network namespace `netns`, of which `inside` is a socket. Throws SystemError for one that is not
  /// there or of a kind that cannot leave its namespace, OperationInvalid naming the domain that has it.
  static LentLink lend(netlink::Socket& host, netlink::Socket& inside, int netns, const Borrower& borrower,
                       const LentPlan& plan);
  LentLink(LentLink&& other) noexcept;
  LentLink& operator=(LentLink&& other) noexcept;
  ~LentLink();
  void release() noexcept { name_.clear(); }

 private:
  LentLink(std::string directory, std::string name) : directory_(std::move(directory)), name_(std::move(name)) {}
  std::string directory_, name_;
};

/// Everything the domain still has, with its own name and MAC address. Says in the log what could not come back.
void return_lent_links(const Borrower& borrower) noexcept;
/// That of a PCI device. Throws DeviceMissing if the domain has it not, SystemError if it does not come back.
void return_lent_device(const Borrower& borrower, const std::string& pci_device);

}  // namespace container
