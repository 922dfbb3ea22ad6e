#include "driver/container_backend.hpp"

#include <sys/utsname.h>

#include <cstdio>
#include <utility>

#include "container/host_topology.hpp"

namespace driver {

ContainerBackend::ContainerBackend(base::EventLoop& loop, container::LauncherConfig config, std::string emulator,
                                   std::string host_uuid)
    : launcher_(loop, std::move(config)), emulator_(std::move(emulator)), host_uuid_(std::move(host_uuid)) {}

unsigned long ContainerBackend::version() const {
  utsname name{};
  unsigned long major = 0, minor = 0, micro = 0;
  if (::uname(&name) == 0) std::sscanf(name.release, "%lu.%lu.%lu", &major, &minor, &micro);
  return major * 1000000 + minor * 1000 + micro;
}

domain_xml::HostCapabilities ContainerBackend::capabilities() const {
  domain_xml::HostCapabilities capabilities = container::read_host_capabilities();
  capabilities.emulator = emulator_;
  capabilities.security_model = security_model();
  capabilities.security_base_label = launcher_.security_base_label();
  if (const auto uuid = base::parse_uuid(host_uuid_)) capabilities.host_uuid = *uuid;
  return capabilities;
}

Backend::Started ContainerBackend::start(const domain_xml::DomainDefinition& definition,
                                         const container::StartSteps& steps, const std::vector<base::Fd>& given) {
  container::Launched launched = launcher_.launch(definition, steps, given);
  return {std::move(launched.running), std::move(launched.live)};
}

std::unique_ptr<container::Running> ContainerBackend::adopt(const domain_xml::DomainDefinition& live,
                                                            const container::RunningFacts& facts) {
  return launcher_.adopt(live, facts);
}

}  // namespace driver
