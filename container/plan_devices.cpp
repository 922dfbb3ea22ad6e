// /dev: nodes, links, and the consoles' pty options.
#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"
#include "container/supervisor_protocol.hpp"

namespace container {
namespace {

constexpr std::uint32_t kTtyGroup = 5;

void require_usable_consoles(const std::vector<domain_xml::Console>& consoles) {
  if (consoles.empty()) base::fail(base::Code::ConfigUnsupported, "at least one PTY console is required");
  for (const auto& console : consoles)
    if (console.type != "pty")
      base::fail(base::Code::ConfigUnsupported, "console type '", console.type, "' is not supported, only 'pty' is");
  if (consoles.size() > protocol::kMaxConsoles)
    base::fail(base::Code::ConfigUnsupported, "more than ", protocol::kMaxConsoles, " consoles are not supported");
}

/// A container that silently lacks what its definition promises is worse than one that does not start.
void require_no_unsupported_devices(const domain_xml::DomainDefinition& definition) {
  if (!definition.disks.empty())
    base::fail(base::Code::ConfigUnsupported, "disk '", definition.disks.front().target,
               "': disk devices are not supported yet");
  for (const auto& device : definition.host_devices)
    if (!is_network_device(device))
      base::fail(base::Code::ConfigUnsupported, "hostdev: host devices of type '", device.type,
                 "' are not supported yet, only network interfaces are");
}

}  // namespace

void plan_devices(ContainerPlan& plan, const domain_xml::DomainDefinition& definition) {
  require_usable_consoles(definition.consoles);
  require_no_unsupported_devices(definition);
  plan.dev_options = "size=64k,mode=755";
  plan.nodes = {{"null", 'c', 1, 3},   {"zero", 'c', 1, 5},    {"full", 'c', 1, 7},
                {"random", 'c', 1, 8}, {"urandom", 'c', 1, 9}, {"tty", 'c', 5, 0}};
  plan.links = {{"fd", "/proc/self/fd"},
                {"stdin", "/proc/self/fd/0"},
                {"stdout", "/proc/self/fd/1"},
                {"stderr", "/proc/self/fd/2"}};
  plan.consoles = static_cast<std::uint32_t>(definition.consoles.size());
  plan.devpts_options = "newinstance,ptmxmode=0666,mode=0620";
  // Mounted inside, so the kernel takes the number as the container's user namespace sees it, and refuses one without a
  // map.
  if (to_host_id(definition.idmap.gids, kTtyGroup)) plan.devpts_options += ",gid=" + std::to_string(kTtyGroup);
}

}  // namespace container
