// Interfaces with <filterref>: their ends on the host are guarded by libvirt's network filter driver, through its own
// API, from before the container can send until it is gone. Worker threads.
#pragma once

#include <mutex>
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
  /// Ends guards, whether they are there or not. What cannot be asked for now is asked for later.
  void unbind(const std::vector<std::string>& host_ends) noexcept;

  struct Owned {
    base::Uuid owner;
    std::string host_end;
  };
  /// Every binding there is; none where there is no filter driver.
  std::vector<Owned> all() noexcept;

 private:
  void remove(const std::string& host_end);
  void remove_pending();

  SiblingClient client_;
  std::mutex mutex_;
  std::vector<std::string> pending_;  // to be ended when the filter driver is there again
};

}  // namespace driver
