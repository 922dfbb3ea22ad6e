// /dev: nodes, links, and the consoles' pty options.
#include <algorithm>

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

ConsoleLog plan_log(const domain_xml::Console& console) {
  ConsoleLog log;
  for (const auto& element : console.others) {
    if (element.name != "log") continue;
    for (const auto& [name, value] : element.attributes) {
      if (name == "file") log.file = value;
      if (name == "append") log.append = value == "on";
    }
  }
  if (!log.file.empty() && !log.file.starts_with('/'))
    base::fail(base::Code::ConfigUnsupported, "log file '", log.file, "' of a console is no absolute path");
  return log;
}

/// What is there already stays: every container has it, and may use it.
void add_given_nodes(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  for (const auto& device : given_devices(definition)) {
    DeviceNode node = plan_node(device, facts.devices);
    const auto same = [&](const DeviceNode& other) { return other.path == node.path; };
    if (std::none_of(plan.nodes.begin(), plan.nodes.end(), same)) plan.nodes.push_back(std::move(node));
  }
}

}  // namespace

void plan_devices(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts) {
  require_usable_consoles(definition.consoles);
  plan.dev_options = "size=64k,nr_inodes=4096,mode=755";
  plan.nodes = {{"null", 'c', 1, 3},   {"zero", 'c', 1, 5},    {"full", 'c', 1, 7},
                {"random", 'c', 1, 8}, {"urandom", 'c', 1, 9}, {"tty", 'c', 5, 0}};
  add_given_nodes(plan, definition, facts);
  plan.links = {{"fd", "/proc/self/fd"},
                {"stdin", "/proc/self/fd/0"},
                {"stdout", "/proc/self/fd/1"},
                {"stderr", "/proc/self/fd/2"}};
  plan.consoles = static_cast<std::uint32_t>(definition.consoles.size());
  for (const auto& console : definition.consoles) plan.console_logs.push_back(plan_log(console));
  // All containers share what the host's kernel.pty.max leaves them, some 3000.
  plan.devpts_options = "newinstance,max=512,ptmxmode=0666,mode=0620";
  // Mounted inside, so the kernel takes the number as the container's user namespace sees it, and refuses one without a
  // map.
  if (const auto group = to_host_id(definition.idmap.gids, kTtyGroup))
    plan.devpts_options += ",gid=" + std::to_string(*group);
}

}  // namespace container
