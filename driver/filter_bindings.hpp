// Interfaces with <filterref>: their ends on the host are guarded by libvirt's network filter driver, through its own
// API, from before the container can send until it is gone. Worker threads.
#pragma once

#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "domain-xml/definition.hpp"
#include "driver/sibling_client.hpp"

namespace driver {

class FilterBindings {
 public:
  explicit FilterBindings(const Siblings& siblings) : client_(siblings, rpc::Subdriver::Nwfilter) {}

  /// Does nothing for an interface without a filter. Throws ConfigUnsupported for one without an end on the host, and
  /// what the filter driver says (no such filter ...).
  void bind(const domain_xml::DomainDefinition& owner, const domain_xml::Interface& interface,
            const std::string& host_end);
  /// Ends a guard; one that is gone is success.
  void remove(const std::string& host_end);

  struct Owned {
    base::Uuid owner;
    std::string host_end;
  };
  /// Every binding there is; none where there is no filter driver.
  std::vector<Owned> all() noexcept;

 private:
  SiblingClient client_;
};

}  // namespace driver
