// The backend for containers: container/launcher behind the seam.
#pragma once

#include "container/launcher.hpp"
#include "driver/backend.hpp"

namespace driver {

class ContainerBackend : public Backend {
 public:
  ContainerBackend(base::EventLoop& loop, container::LauncherConfig config, std::string emulator,
                   std::string host_uuid);

  std::string type() const override { return "LXC"; }
  unsigned long version() const override;
  domain_xml::HostCapabilities capabilities() const override;
  std::string security_model() const override { return launcher_.security_model(); }
  Started start(const domain_xml::DomainDefinition& definition, const container::StartSteps& steps,
                const std::vector<base::Fd>& given) override;
  std::unique_ptr<container::Running> adopt(const domain_xml::DomainDefinition& live,
                                            const container::RunningFacts& facts) override;
  std::optional<container::LostState> find_lost(const domain_xml::DomainDefinition& definition) const override {
    return launcher_.find_lost(definition);
  }
  container::TrafficByLink traffic() const override { return container::read_traffic(); }
  std::optional<container::Traffic> traffic(const std::string& link) const override {
    return container::read_traffic(link);
  }
  std::vector<container::Neighbor> neighbors() const override { return container::read_neighbors(); }

 private:
  container::Launcher launcher_;
  const std::string emulator_, host_uuid_;
};

}  // namespace driver
