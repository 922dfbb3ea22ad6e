// Calls that only look at a domain. None waits for anything: inline on the loop thread.
#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/process_label.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/metadata.hpp"
#include "driver/calls.hpp"
#include "driver/kept_files.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Run;
namespace proc = rpc::proc;

/// Zeros when the guest ends at this very moment and its files are gone.
cgroup::Usage usage_of(Services& services, const DomainSnapshot& domain) {
  if (!domain.running) return {};
  services.kept_files.used();
  try {
    return domain.running->usage(cgroup::Ask::Cpu | cgroup::Ask::Memory, cgroup::Keep::Open);
  } catch (const base::Error& error) {
    base::log::debug("domain '{}': {}", domain.identity.name, error.what());
    return {};
  }
}

rpc::DomainGetInfoRet info(Services& services, const DomainSnapshot& domain) {
  const auto& definition = domain.current();
  const cgroup::Usage usage = usage_of(services, domain);
  rpc::DomainGetInfoRet ret;
  ret.state = static_cast<std::uint8_t>(domain.status.state);
  ret.maxMem = definition.memory_kib;
  ret.memory = domain.status.active() ? usage.memory_bytes.value_or(0) / 1024 : definition.current_memory_kib;
  ret.nrVirtCpu = static_cast<std::uint16_t>(std::min(current_vcpus(definition), 65535u));
  ret.cpuTime = usage.cpu_ns.value_or(0);
  return ret;
}

std::string xml_description(const Call& call, const DomainSnapshot& domain, std::uint32_t flags) {
  require_flags(flags, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_MIGRATABLE,
                "virDomainGetXMLDesc");
  // A document to migrate with has everything too.
  if ((flags & (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE)) && call.connection->read_only())
    base::fail_from(base::From::Domain, Code::OperationDenied, "virDomainGetXMLDesc with secure flag");
  const bool inactive_form = (flags & VIR_DOMAIN_XML_INACTIVE) || !domain.live;
  if (!inactive_form) return domain_xml::format_domain(*domain.live, domain_xml::View::Live, domain.identity.id);
  return domain_xml::format_domain(domain.config ? *domain.config : domain.current(), domain_xml::View::Inactive);
}

std::string metadata(const DomainSnapshot& domain, const rpc::DomainGetMetadataArgs& args) {
  require_flags(args.flags, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG, "virDomainGetMetadata");
  if (args.flags == (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG))
    base::fail(Code::InvalidArg, "flags 'live' and 'config' are mutually exclusive in virDomainGetMetadata");
  const Affected affected = require_affected(domain, args.flags);
  const auto& definition = affected.live ? *domain.live : *domain.config;
  std::optional<std::string> text;
  switch (args.type) {
    case VIR_DOMAIN_METADATA_DESCRIPTION:
      text = definition.description;
      break;
    case VIR_DOMAIN_METADATA_TITLE:
      text = definition.title;
      break;
    case VIR_DOMAIN_METADATA_ELEMENT:
      text = domain_xml::get_metadata_element(definition, args.uri.value_or(""));
      break;
    default:
      base::fail(Code::InvalidArg, "unknown metadata type ", args.type);
  }
  if (!text || text->empty())
    base::fail_from(base::From::Domain, Code::NoDomainMetadata, "requested metadata element is not present in domain '",
                    domain.identity.name, "'");
  return *text;
}

/// What an administrator may want to know of a domain before trusting it, in libvirt's form.
std::vector<std::string> messages(const DomainSnapshot& domain, std::uint32_t types) {
  require_flags(types, VIR_DOMAIN_MESSAGE_DEPRECATION | VIR_DOMAIN_MESSAGE_TAINTING, "virDomainGetMessages");
  const bool tainting = types == 0 || (types & VIR_DOMAIN_MESSAGE_TAINTING);
  if (!tainting || !domain.current().idmap.uids.empty()) return {};
  return {"tainted: running with undesirable elevated privileges: its root user is the host's"};
}

/// What the wire calls a label: characters with their terminating NUL.
std::string with_nul(const std::string& text) {
  return text + '\0';
}

/// What the kernel says that init runs under.
rpc::DomainGetSecurityLabelRet security_label(const DomainSnapshot& domain, const std::string& model) {
  if (!domain.running || model == "none") return {with_nul(""), 0};
  const auto [label, enforcing] = container::read_process_label(domain.running->facts().init_pid, model);
  if (!domain.running->signal_init(0))  // or the number was another's already
    base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' has ended");
  return {with_nul(label), enforcing};
}

}  // namespace

void add_domain_query_calls(rpc::ProcedureTable& table, Services& services) {
  const auto look = [&services](const rpc::NonnullDomain& wanted) {
    auto domain = find_domain(services, wanted)->snapshot();
    domain.current();  // a transient one may have ended since it was found
    return domain;
  };
  table.on<proc::DomainGetInfo>(Run::Inline,
                                [&services, look](Call&, const auto& args) { return info(services, look(args.dom)); });
  table.on<proc::DomainGetState>(Run::Inline, [look](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainGetState");
    const Status status = look(args.dom).status;
    return rpc::DomainGetStateRet{status.state, status.reason};
  });
  table.on<proc::DomainGetXmlDesc>(Run::Inline, [look](Call& call, const auto& args) {
    return rpc::DomainGetXmlDescRet{xml_description(call, look(args.dom), args.flags)};
  });
  table.on<proc::DomainGetMetadata>(Run::Inline, [look](Call&, const auto& args) {
    return rpc::DomainGetMetadataRet{metadata(look(args.dom), args)};
  });
  table.on<proc::DomainGetAutostart>(
      Run::Inline, [look](Call&, const auto& args) { return rpc::DomainGetAutostartRet{look(args.dom).autostart}; });
  table.on<proc::DomainIsActive>(
      Run::Inline, [look](Call&, const auto& args) { return rpc::DomainIsActiveRet{look(args.dom).status.active()}; });
  table.on<proc::DomainIsPersistent>(
      Run::Inline, [look](Call&, const auto& args) { return rpc::DomainIsPersistentRet{look(args.dom).persistent}; });
  table.on<proc::DomainIsUpdated>(Run::Inline, [&services](Call&, const auto& args) {
    return rpc::DomainIsUpdatedRet{find_domain(services, args.dom)->updated()};
  });
  table.on<proc::DomainGetOsType>(Run::Inline, [look](Call&, const auto& args) {
    return rpc::DomainGetOsTypeRet{look(args.dom).current().os.type};
  });
  table.on<proc::DomainGetMaxMemory>(Run::Inline, [look](Call&, const auto& args) {
    return rpc::DomainGetMaxMemoryRet{look(args.dom).current().memory_kib};
  });
  table.on<proc::DomainHasManagedSaveImage>(Run::Inline, [look](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainHasManagedSaveImage");
    look(args.dom);
    return rpc::DomainHasManagedSaveImageRet{0};
  });
  table.on<proc::DomainGetMessages>(Run::Inline, [look](Call&, const auto& args) {
    return rpc::DomainGetMessagesRet{messages(look(args.dom), args.flags)};
  });
  table.on<proc::DomainGetSecurityLabel>(Run::Inline, [&services, look](Call&, const auto& args) {
    return security_label(look(args.dom), services.defaults.security_model);
  });
  table.on<proc::DomainGetSecurityLabelList>(Run::Inline, [&services, look](Call&, const auto& args) {
    return rpc::DomainGetSecurityLabelListRet{{security_label(look(args.dom), services.defaults.security_model)}, 1};
  });
}

}  // namespace driver
