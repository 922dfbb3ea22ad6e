// Calls that change a domain: define, create, destroy, shutdown, suspend, autostart, metadata ... All block: workers.
#include <libvirt/libvirt.h>

#include <csignal>

#include "base/error.hpp"
#include "domain-xml/metadata.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/schema.hpp"
#include "domain-xml/validate.hpp"
#include "driver/calls.hpp"
#include "driver/domain_registry.hpp"
#include "driver/id_maps.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

DomainDefinition read_definition(const Services& services, const std::string& xml, bool against_schema) {
  // Read anew each time: validation is asked for rarely, and threads cannot share a schema.
  if (against_schema) domain_xml::Schema(services.schema_path).validate(xml);
  return accept_definition(domain_xml::parse_domain(xml), services.defaults);
}

DomainIdentity define(Services& services, const std::string& xml, std::uint32_t flags) {
  require_flags(flags, VIR_DOMAIN_DEFINE_VALIDATE, "virDomainDefineXMLFlags");
  auto definition = read_definition(services, xml, flags & VIR_DOMAIN_DEFINE_VALIDATE);
  const auto ids = services.id_maps.choose(definition);
  while (true) {  // a domain that vanished between reserving and defining it is reserved anew
    const auto domain = services.registry.reserve(services, definition.name, definition.uuid);
    if (domain->define(definition)) return domain->identity();
  }
}

std::uint64_t autodestroy_owner(const Call& call, std::uint32_t flags) {
  return flags & VIR_DOMAIN_START_AUTODESTROY ? call.connection->id() : 0;
}

DomainIdentity create_from_xml(Services& services, const Call& call, const std::string& xml, std::uint32_t flags) {
  require_flags(flags, VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_VALIDATE, "virDomainCreateXML");
  auto definition = read_definition(services, xml, flags & VIR_DOMAIN_START_VALIDATE);
  const auto ids = services.id_maps.choose(definition);
  while (true) {
    const auto domain = services.registry.reserve(services, definition.name, definition.uuid);
    if (domain->start(definition, autodestroy_owner(call, flags))) return domain->identity();
  }
}

DomainIdentity create(Services& services, const Call& call, const rpc::NonnullDomain& wanted, std::uint32_t flags) {
  require_flags(flags, VIR_DOMAIN_START_AUTODESTROY, "virDomainCreateWithFlags");
  const auto domain = find_domain(services, wanted);
  if (!domain->start(std::nullopt, autodestroy_owner(call, flags)))
    base::fail(Code::NoDomain, "domain '", wanted.name, "' has just been removed");
  return domain->identity();
}

/// INITCTL and SIGNAL say which way to ask; neither means the first that works.
SignalChannel shutdown_channel(std::uint32_t flags, const char* api) {
  static_assert(VIR_DOMAIN_SHUTDOWN_INITCTL == 4 && VIR_DOMAIN_SHUTDOWN_SIGNAL == 8);
  static_assert(VIR_DOMAIN_REBOOT_INITCTL == 4 && VIR_DOMAIN_REBOOT_SIGNAL == 8);
  require_flags(flags, VIR_DOMAIN_SHUTDOWN_INITCTL | VIR_DOMAIN_SHUTDOWN_SIGNAL, api);
  if (flags == VIR_DOMAIN_SHUTDOWN_INITCTL) return SignalChannel::Initctl;
  if (flags == VIR_DOMAIN_SHUTDOWN_SIGNAL) return SignalChannel::Signal;
  return SignalChannel::Any;
}

/// virDomainProcessSignal to the host's number; the first 32 are the kernel's own, then real-time ones.
int host_signal(unsigned number) {
  if (number >= VIR_DOMAIN_PROCESS_SIGNAL_LAST)
    base::fail(Code::InvalidArg, "signum value ", number, " is out of range");
  if (number >= VIR_DOMAIN_PROCESS_SIGNAL_RT0)
    return SIGRTMIN + static_cast<int>(number - VIR_DOMAIN_PROCESS_SIGNAL_RT0);
  return static_cast<int>(number);
}

void send_signal(Services& services, const rpc::DomainSendProcessSignalArgs& args) {
  require_flags(args.flags, 0, "virDomainSendProcessSignal");
  const int number = host_signal(args.signum);
  const auto domain = find_domain(services, args.dom);
  if (!domain->snapshot().status.active())
    base::fail(Code::OperationInvalid, "domain '", domain->name(), "' is not running");
  if (args.pid_value != 1) base::fail(Code::ArgumentUnsupported, "only the init process (pid 1) may be killed");
  domain->signal_init(number);
}

void set_metadata(Services& services, const rpc::DomainSetMetadataArgs& args) {
  require_flags(args.flags, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG, "virDomainSetMetadata");
  if (args.type < VIR_DOMAIN_METADATA_DESCRIPTION || args.type > VIR_DOMAIN_METADATA_ELEMENT)
    base::fail(Code::InvalidArg, "unknown metadata type ", args.type);
  const std::string uri = args.uri.value_or("");
  const auto edit = [&](DomainDefinition& definition) {
    if (args.type == VIR_DOMAIN_METADATA_TITLE)
      definition.title = args.metadata.value_or("");
    else if (args.type == VIR_DOMAIN_METADATA_DESCRIPTION)
      definition.description = args.metadata.value_or("");
    else
      domain_xml::set_metadata_element(definition, uri, args.key.value_or(""), args.metadata);
  };
  find_domain(services, args.dom)->change(edit, args.flags, MetadataChangeEvent{args.type, uri});
}

}  // namespace

void add_domain_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainDefineXml>(Run::Worker, [&](Call&, const auto& args) {
    return rpc::DomainDefineXmlRet{to_wire(define(services, args.xml, 0))};
  });
  table.on<proc::DomainDefineXmlFlags>(Run::Worker, [&](Call&, const auto& args) {
    return rpc::DomainDefineXmlFlagsRet{to_wire(define(services, args.xml, args.flags))};
  });
  table.on<proc::DomainCreateXml>(Run::Worker, [&](Call& call, const auto& args) {
    return rpc::DomainCreateXmlRet{to_wire(create_from_xml(services, call, args.xml_desc, args.flags))};
  });
  table.on<proc::DomainCreate>(Run::Worker, [&](Call& call, const auto& args) {
    create(services, call, args.dom, 0);
    return Nothing{};
  });
  table.on<proc::DomainCreateWithFlags>(Run::Worker, [&](Call& call, const auto& args) {
    return rpc::DomainCreateWithFlagsRet{to_wire(create(services, call, args.dom, args.flags))};
  });
  table.on<proc::DomainUndefine>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->undefine();
    return Nothing{};
  });
  table.on<proc::DomainUndefineFlags>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainUndefineFlags");
    find_domain(services, args.dom)->undefine();
    return Nothing{};
  });
  table.on<proc::DomainDestroy>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->destroy();
    return Nothing{};
  });
  table.on<proc::DomainDestroyFlags>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainDestroyFlags");
    find_domain(services, args.dom)->destroy();
    return Nothing{};
  });
  table.on<proc::DomainShutdown>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->shutdown(SignalChannel::Any);
    return Nothing{};
  });
  table.on<proc::DomainShutdownFlags>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->shutdown(shutdown_channel(args.flags, "virDomainShutdownFlags"));
    return Nothing{};
  });
  table.on<proc::DomainReboot>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->reboot(shutdown_channel(args.flags, "virDomainReboot"));
    return Nothing{};
  });
  table.on<proc::DomainSuspend>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->suspend();
    return Nothing{};
  });
  table.on<proc::DomainResume>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->resume();
    return Nothing{};
  });
  table.on<proc::DomainSetAutostart>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->set_autostart(args.autostart != 0);
    return Nothing{};
  });
  table.on<proc::DomainSendProcessSignal>(Run::Worker, [&](Call&, const auto& args) {
    send_signal(services, args);
    return Nothing{};
  });
  table.on<proc::DomainSetMetadata>(Run::Worker, [&](Call&, const auto& args) {
    set_metadata(services, args);
    return Nothing{};
  });
}

}  // namespace driver
