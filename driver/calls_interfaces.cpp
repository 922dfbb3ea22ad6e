// What clients ask and set of a domain's interfaces: bandwidth, addresses, and the name the container goes by.
#include <libvirt/libvirt.h>

#include "driver/calls.hpp"
#include "driver/device_edits.hpp"
#include "driver/guest_questions.hpp"
#include "driver/interface_bandwidth.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using base::From;
using domain_xml::DomainDefinition;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

template <typename Definition>
auto& require_interface(Definition& definition, const std::string& name_or_mac) {
  auto* const interface = find_interface(definition, name_or_mac);
  if (!interface)
    base::fail_from(From::Domain, Code::InvalidArg, "'", name_or_mac, "' is not a known interface of domain '",
                    definition.name, "'");
  return *interface;
}

rpc::DomainGetInterfaceParametersRet bandwidth(const DomainSnapshot& domain,
                                               const rpc::DomainGetInterfaceParametersArgs& args) {
  require_flags(args.flags, kAffect | VIR_TYPED_PARAM_STRING_OKAY, "virDomainGetInterfaceParameters");
  const bool config = asks_config(domain, args.flags & kAffect, "virDomainGetInterfaceParameters");
  const auto& definition = config ? *domain.config : *domain.live;
  return limited<rpc::DomainGetInterfaceParametersRet>(bandwidth_parameters(require_interface(definition, args.device)),
                                                       args.nparams);
}

void set_bandwidth(const Services& services, const rpc::DomainSetInterfaceParametersArgs& args) {
  require_flags(args.flags, kAffect, "virDomainSetInterfaceParameters");
  const auto replace = [&](DomainDefinition& definition, Form) {
    auto& interface = require_interface(definition, args.device);
    auto before = interface;
    change_bandwidth(interface, args.params);
    return DeviceUpdate{std::move(before), interface};
  };
  find_domain(services, args.dom)->update_device(replace, args.flags);
}

rpc::DomainInterfaceAddressesRet addresses(const Call& call, const Services& services,
                                           const rpc::DomainInterfaceAddressesArgs& args) {
  require_flags(args.flags, 0, "virDomainInterfaceAddresses");
  if (args.source == VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT && call.connection->read_only())
    base::fail_from(From::Domain, Code::OperationDenied, "read only access prevents looking into the guest");
  return {guest_interfaces(services, find_domain(services, args.dom)->snapshot(), args.source)};
}

}  // namespace

void add_interface_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainGetInterfaceParameters>(Run::Worker, [&](Call&, const auto& args) {
    return bandwidth(find_domain(services, args.dom)->snapshot(), args);
  });
  table.on<proc::DomainSetInterfaceParameters>(Run::Worker, [&](Call&, const auto& args) {
    set_bandwidth(services, args);
    return Nothing{};
  });
  table.on<proc::DomainInterfaceAddresses>(
      Run::Worker, [&](Call& call, const auto& args) { return addresses(call, services, args); });
  table.on<proc::DomainGetHostname>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, VIR_DOMAIN_GET_HOSTNAME_LEASE | VIR_DOMAIN_GET_HOSTNAME_AGENT, "virDomainGetHostname");
    return rpc::DomainGetHostnameRet{guest_hostname(services, find_domain(services, args.dom)->snapshot(), args.flags)};
  });
}

}  // namespace driver
