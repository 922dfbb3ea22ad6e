// Opening consoles, and the descriptors of a container's namespaces.
#include <libvirt/libvirt.h>

#include <memory>

#include "base/error.hpp"
#include "driver/calls.hpp"
#include "driver/console.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

const container::Running& require_active(const DomainSnapshot& domain) {
  if (!domain.running) base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  return *domain.running;
}

std::size_t console_index(const DomainSnapshot& domain, const std::optional<std::string>& alias) {
  const auto& consoles = domain.live->consoles;
  if (!alias && !consoles.empty()) return 0;
  for (std::size_t i = 0; i < consoles.size(); ++i)
    if (alias && consoles[i].alias == *alias) return i;
  base::fail(Code::InternalError, "cannot find console device '", alias.value_or("default"), "' of domain '",
             domain.identity.name, "'");
}

}  // namespace

void add_console_calls(rpc::ProcedureTable& table, Services& services) {
  const auto consoles = std::make_shared<OpenConsoles>();
  table.on<proc::DomainOpenConsole>(Run::Worker, [&services, consoles](Call& call, const auto& args) {
    require_flags(args.flags, VIR_DOMAIN_CONSOLE_FORCE | VIR_DOMAIN_CONSOLE_SAFE, "virDomainOpenConsole");
    const DomainSnapshot domain = find_domain(services, args.dom)->snapshot();
    require_active(domain);
    const std::size_t index = console_index(domain, args.dev_name);
    const IfBusy if_busy = args.flags & VIR_DOMAIN_CONSOLE_FORCE ? IfBusy::TakeOver : IfBusy::Share;
    call.stream_peer =
        std::make_unique<Console>(services.loop, *consoles, OpenConsoles::Key{domain.identity.uuid, index},
                                  domain.running->open_console(index), if_busy);
    return Nothing{};
  });
  table.on<proc::LxcDomainOpenNamespace>(Run::Worker, [&services](Call& call, const auto& args) {
    require_flags(args.flags, 0, "virDomainLxcOpenNamespace");
    const DomainSnapshot domain = find_domain(services, args.dom)->snapshot();
    call.fds_out = require_active(domain).open_namespaces();
    return Nothing{};
  });
}

}  // namespace driver
