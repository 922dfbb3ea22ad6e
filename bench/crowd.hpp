// Idle containers, each with a veth in a bridge, beside which something is measured.
#pragma once

#include <libvirt/libvirt.h>

#include <cstddef>
#include <string>
#include <vector>

#include "support/bridge.hpp"
#include "support/domain_xml.hpp"
#include "support/handles.hpp"
#include "support/rootfs.hpp"

namespace bench {

/// Transient domains of `connection`, which has to outlive it. They are destroyed with it.
class Crowd {
 public:
  Crowd(virConnectPtr connection, const support::Rootfs& root, const support::Bridge& bridge);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void grow_to(std::size_t count);
  /// One more, which is the caller's to destroy.
  support::Domain create(const std::string& word);
  const std::vector<support::Domain>& domains() const { return domains_; }

 private:
  virConnectPtr connection_;
  support::DomainXml pattern_;
  std::vector<support::Domain> domains_;
};

}  // namespace bench
