// Calls that change a domain: define, create, destroy, shutdown, suspend, autostart, metadata ... All block: workers.
#include <libvirt/libvirt.h>
#include <unistd.h>

#include <cerrno>
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

/// The rest means nothing to a container: no memory was saved that a cache or a fresh boot could be about, no NVRAM.
constexpr std::uint32_t kStartFlags = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY |
                                      VIR_DOMAIN_START_BYPASS_CACHE | VIR_DOMAIN_START_FORCE_BOOT |
                                      VIR_DOMAIN_START_RESET_NVRAM;
constexpr std::chrono::seconds kGracefulEnd{10};

StartOptions start_options(const Call& call, std::uint32_t flags) {
  return {.autodestroy_owner = flags & VIR_DOMAIN_START_AUTODESTROY ? call.connection->id() : 0,
          .paused = (flags & VIR_DOMAIN_START_PAUSED) != 0};
}

DomainIdentity create_from_xml(Services& services, const Call& call, const std::string& xml, std::uint32_t flags,
                               const std::vector<base::Fd>& files = {}) {
  require_flags(flags, kStartFlags | VIR_DOMAIN_START_VALIDATE, "virDomainCreateXML");
  auto definition = read_definition(services, xml, flags & VIR_DOMAIN_START_VALIDATE);
  const auto ids = services.id_maps.choose(definition);
  while (true) {
    const auto domain = services.registry.reserve(services, definition.name, definition.uuid);
    if (domain->start(definition, start_options(call, flags), files)) return domain->identity();
  }
}

DomainIdentity create(Services& services, const Call& call, const rpc::NonnullDomain& wanted, std::uint32_t flags,
                      const std::vector<base::Fd>& files = {}) {
  require_flags(flags, kStartFlags, "virDomainCreateWithFlags");
  const auto domain = find_domain(services, wanted);
  if (!domain->start(std::nullopt, start_options(call, flags), files))
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

void rename(Services& services, const rpc::DomainRenameArgs& args) {
  require_flags(args.flags, 0, "virDomainRename");
  if (!args.new_name || args.new_name->empty()) base::fail(Code::InvalidArg, "the new name must not be empty");
  find_domain(services, args.dom)->rename(*args.new_name);
}

/// The value of virDomainLifecycleAction with that number.
domain_xml::LifecycleAction lifecycle_action(std::uint32_t number) {
  using domain_xml::LifecycleAction;
  switch (number) {
    case VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY:
      return LifecycleAction::Destroy;
    case VIR_DOMAIN_LIFECYCLE_ACTION_RESTART:
      return LifecycleAction::Restart;
    case VIR_DOMAIN_LIFECYCLE_ACTION_RESTART_RENAME:
      return LifecycleAction::RenameRestart;
    case VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE:
      return LifecycleAction::Preserve;
    case VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_DESTROY:
      return LifecycleAction::CoredumpDestroy;
    case VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART:
      return LifecycleAction::CoredumpRestart;
    default:
      base::fail(Code::InvalidArg, "unknown lifecycle action ", number);
  }
}

void remove_log(const Services& services, const std::string& domain) {
  const std::string path = services.logs + "/" + domain + ".log";
  if (::unlink(path.c_str()) < 0 && errno != ENOENT)
    base::fail_errno(Code::SystemError, "domain '", domain, "' is destroyed, but its log '", path,
                     "' cannot be removed");
}

/// An action that a definition may not have (a core dump, say) may not be set either.
void set_lifecycle_action(const Services& services, const rpc::DomainSetLifecycleActionArgs& args) {
  require_flags(args.flags, kAffect, "virDomainSetLifecycleAction");
  const auto action = lifecycle_action(args.action);
  if (args.type >= VIR_DOMAIN_LIFECYCLE_LAST) base::fail(Code::InvalidArg, "unknown lifecycle type ", args.type);
  const auto edit = [&](DomainDefinition& definition) {
    if (args.type == VIR_DOMAIN_LIFECYCLE_POWEROFF) definition.on_poweroff = action;
    if (args.type == VIR_DOMAIN_LIFECYCLE_REBOOT) definition.on_reboot = action;
    if (args.type == VIR_DOMAIN_LIFECYCLE_CRASH) definition.on_crash = action;
    accept_definition(definition, services.defaults);
  };
  find_domain(services, args.dom)->change(edit, args.flags);
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
  table.on<proc::DomainCreateXmlWithFiles>(Run::Worker, [&](Call& call, const auto& args) {
    return rpc::DomainCreateXmlWithFilesRet{
        to_wire(create_from_xml(services, call, args.xml_desc, args.flags, call.fds_in))};
  });
  table.on<proc::DomainCreateWithFiles>(Run::Worker, [&](Call& call, const auto& args) {
    return rpc::DomainCreateWithFilesRet{to_wire(create(services, call, args.dom, args.flags, call.fds_in))};
  });
  table.on<proc::DomainUndefine>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->undefine();
    return Nothing{};
  });
  table.on<proc::DomainUndefineFlags>(Run::Worker, [&](Call&, const auto& args) {
    // What they would take along, a container does not have.
    require_flags(args.flags,
                  VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                      VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
                      VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
                  "virDomainUndefineFlags");
    find_domain(services, args.dom)->undefine();
    return Nothing{};
  });
  table.on<proc::DomainDestroy>(Run::Worker, [&](Call&, const auto& args) {
    find_domain(services, args.dom)->destroy();
    return Nothing{};
  });
  table.on<proc::DomainDestroyFlags>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, VIR_DOMAIN_DESTROY_GRACEFUL | VIR_DOMAIN_DESTROY_REMOVE_LOGS, "virDomainDestroyFlags");
    const auto domain = find_domain(services, args.dom);
    if (args.flags & VIR_DOMAIN_DESTROY_GRACEFUL)
      domain->destroy_gracefully(kGracefulEnd);
    else
      domain->destroy();
    if (args.flags & VIR_DOMAIN_DESTROY_REMOVE_LOGS) remove_log(services, domain->name());
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
  table.on<proc::DomainReset>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainReset");
    find_domain(services, args.dom)->reset();
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
  table.on<proc::DomainRename>(Run::Worker, [&](Call&, const auto& args) {
    rename(services, args);
    return rpc::DomainRenameRet{0};
  });
  table.on<proc::DomainSetLifecycleAction>(Run::Worker, [&](Call&, const auto& args) {
    set_lifecycle_action(services, args);
    return Nothing{};
  });
  table.on<proc::DomainSetMetadata>(Run::Worker, [&](Call&, const auto& args) {
    set_metadata(services, args);
    return Nothing{};
  });
}

}  // namespace driver
