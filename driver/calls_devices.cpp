// Attaching, detaching and updating devices of a domain, in the definition that runs, the next boot's, or both.
#include <libvirt/libvirt.h>

#include "domain-xml/device.hpp"
#include "domain-xml/validate.hpp"
#include "driver/calls.hpp"
#include "driver/device_edits.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using domain_xml::Device;
using domain_xml::DomainDefinition;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

/// The domain, whose state is looked at before the device's text is.
std::shared_ptr<Domain> find(const Services& services, const rpc::NonnullDomain& wanted, std::uint32_t flags,
                             const char* api) {
  require_flags(flags, kAffect, api);
  auto domain = find_domain(services, wanted);
  require_affected(domain->snapshot(), flags);
  return domain;
}

Device read_device(const std::string& xml) {
  Device device = domain_xml::parse_device(xml);
  domain_xml::require_valid(device);
  return device;
}

/// Read once, so that what is made up for a device is the same in both definitions.
void attach(const Services& services, const rpc::NonnullDomain& wanted, const std::string& xml, std::uint32_t flags) {
  const auto domain = find(services, wanted, flags, "virDomainAttachDeviceFlags");
  Device device = read_device(xml);
  domain_xml::apply_defaults(device, services.defaults);
  domain->attach_device(device, flags);
}

/// What is to go need not be valid.
void detach(const Services& services, const rpc::NonnullDomain& wanted, const std::string& xml, std::uint32_t flags) {
  const auto domain = find(services, wanted, flags, "virDomainDetachDeviceFlags");
  const Device device = domain_xml::parse_device(xml);
  domain->detach_device([&](DomainDefinition& from, Form form) { return remove_device(from, device, form); }, flags);
}

}  // namespace

void add_device_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainAttachDevice>(Run::Worker, [&](Call&, const auto& args) {
    attach(services, args.dom, args.xml, VIR_DOMAIN_AFFECT_LIVE);
    return Nothing{};
  });
  table.on<proc::DomainAttachDeviceFlags>(Run::Worker, [&](Call&, const auto& args) {
    attach(services, args.dom, args.xml, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainDetachDevice>(Run::Worker, [&](Call&, const auto& args) {
    detach(services, args.dom, args.xml, VIR_DOMAIN_AFFECT_LIVE);
    return Nothing{};
  });
  table.on<proc::DomainDetachDeviceFlags>(Run::Worker, [&](Call&, const auto& args) {
    detach(services, args.dom, args.xml, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainDetachDeviceAlias>(Run::Worker, [&](Call&, const auto& args) {
    const auto domain = find(services, args.dom, args.flags, "virDomainDetachDeviceAlias");
    domain->detach_device([&](DomainDefinition& from, Form) { return remove_device_by_alias(from, args.alias); },
                          args.flags);
    return Nothing{};
  });
  table.on<proc::DomainUpdateDeviceFlags>(Run::Worker, [&](Call&, const auto& args) {
    const auto domain = find(services, args.dom, args.flags, "virDomainUpdateDeviceFlags");
    const Device device = read_device(args.xml);
    domain->update_device([&](DomainDefinition& in, Form form) { return replace_device(in, device, form); },
                          args.flags);
    return Nothing{};
  });
}

}  // namespace driver
