// The seam between libvirt's API and a kind of guest: everything the calls need of a hypervisor, and nothing of the
// wire. The container backend implements it over container/launcher; tests use an in-memory one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "container/launcher.hpp"
#include "container/running.hpp"
#include "container/traffic.hpp"
#include "domain-xml/capabilities.hpp"
#include "domain-xml/definition.hpp"

namespace driver {

class Backend {
 public:
  virtual ~Backend() = default;

  /// virConnectGetType: "LXC".
  virtual std::string type() const = 0;
  /// virConnectGetVersion: kernel release as major * 1000000 + minor * 1000 + release.
  virtual unsigned long version() const = 0;
  virtual domain_xml::HostCapabilities capabilities() const = 0;
  /// The host's security model: "none", "apparmor", "selinux".
  virtual std::string security_model() const = 0;

  struct Started {
    std::unique_ptr<container::Running> running;
    domain_xml::DomainDefinition live;
  };
  /// May block; worker threads, at once for different domains. Throws and leaves nothing behind.
  /// `given`: what init has as descriptors 3, 4 ...
  virtual Started start(const domain_xml::DomainDefinition& definition, const container::StartSteps& steps,
                        const std::vector<base::Fd>& given) = 0;
  /// nullptr when the guest is gone.
  virtual std::unique_ptr<container::Running> adopt(const domain_xml::DomainDefinition& live,
                                                    const container::RunningFacts& facts) = 0;
  /// What adopt() needs, asked of the guest itself: nothing is known of it but that it may be `definition`'s, or has
  /// its name. nullopt when there is none; throws when that cannot be told.
  virtual std::optional<container::LostState> find_lost(const domain_xml::DomainDefinition& definition) const = 0;
  /// Of all guests' interfaces at once, or of one by its name on the host; nullopt when it is gone.
  virtual container::TrafficByLink traffic() const = 0;
  virtual std::optional<container::Traffic> traffic(const std::string& link) const = 0;
  /// Addresses that answered on the host's links.
  virtual std::vector<container::Neighbor> neighbors() const = 0;
};

}  // namespace driver
