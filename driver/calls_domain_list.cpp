// Lookups and lists. No list ever waits for a domain that is starting or stopping.
#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "driver/access.hpp"
#include "driver/calls.hpp"
#include "driver/domain_filter.hpp"
#include "driver/domain_registry.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Run;
namespace proc = rpc::proc;

constexpr std::uint32_t kAllFilters = (VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT << 1) - 1;

std::size_t bounded(std::int32_t wanted, std::size_t most) {
  if (wanted < 0 || static_cast<std::size_t>(wanted) > most)
    base::fail_from(base::From::Rpc, Code::InternalError, "too many results asked for: ", wanted, " > ", most);
  return static_cast<std::size_t>(wanted);
}

constexpr std::size_t kDomainListMax = 16384;

}  // namespace

void add_domain_list_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainLookupByName>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainLookupByNameRet{to_wire(require_domain(services.registry, args.name)->identity())};
  });
  table.on<proc::DomainLookupByUuid>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainLookupByUuidRet{to_wire(require_domain(services.registry, base::Uuid{args.uuid})->identity())};
  });
  table.on<proc::DomainLookupById>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainLookupByIdRet{to_wire(require_domain(services.registry, args.id)->identity())};
  });
  table.on<proc::ConnectListAllDomains>(Run::Inline, [&](Call& call, const auto& args) {
    require_flags(args.flags, kAllFilters, "virConnectListAllDomains");
    rpc::ConnectListAllDomainsRet ret;
    const auto found = list_identities(services, visible_domains(call), args.flags);
    ret.ret = static_cast<std::uint32_t>(found.size());
    if (args.need_results) ret.domains.reserve(found.size());
    if (args.need_results)
      for (const auto& domain : found) ret.domains.push_back(to_wire(domain));
    return ret;
  });
  table.on<proc::ConnectNumOfDomains>(Run::Inline, [&](Call& call, const auto&) {
    return rpc::ConnectNumOfDomainsRet{static_cast<std::int32_t>(
        list_identities(services, visible_domains(call), VIR_CONNECT_LIST_DOMAINS_ACTIVE).size())};
  });
  table.on<proc::ConnectNumOfDefinedDomains>(Run::Inline, [&](Call& call, const auto&) {
    return rpc::ConnectNumOfDefinedDomainsRet{static_cast<std::int32_t>(
        list_identities(services, visible_domains(call), VIR_CONNECT_LIST_DOMAINS_INACTIVE).size())};
  });
  table.on<proc::ConnectListDomains>(Run::Inline, [&](Call& call, const auto& args) {
    const std::size_t most = bounded(args.maxids, kDomainListMax);
    rpc::ConnectListDomainsRet ret;
    for (const auto& domain : list_identities(services, visible_domains(call), VIR_CONNECT_LIST_DOMAINS_ACTIVE))
      if (ret.ids.size() < most) ret.ids.push_back(domain.id);
    return ret;
  });
  table.on<proc::ConnectListDefinedDomains>(Run::Inline, [&](Call& call, const auto& args) {
    const std::size_t most = bounded(args.maxnames, kDomainListMax);
    rpc::ConnectListDefinedDomainsRet ret;
    for (const auto& domain : list_identities(services, visible_domains(call), VIR_CONNECT_LIST_DOMAINS_INACTIVE))
      if (ret.names.size() < most) ret.names.push_back(domain.name);
    return ret;
  });
}

}  // namespace driver
