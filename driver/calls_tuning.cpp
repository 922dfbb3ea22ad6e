// Typed parameters of domains: schedinfo, memtune, blkiotune, numatune, perf. A running domain is asked through the
// kernel, a shut-off one through its definition (a question about it must not hurt).
#include <libvirt/libvirt.h>

#include "base/error.hpp"
#include "driver/calls.hpp"
#include "driver/tunables.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

Parameters parameters_of(const TunableFamily& family, const DomainSnapshot& domain, std::uint32_t flags) {
  require_flags(flags, kAffect | VIR_TYPED_PARAM_STRING_OKAY, family.getter);
  Parameters parameters;
  if (asks_config(domain, flags & kAffect, family.getter))
    parameters = family.stored(*domain.config);
  else
    parameters = family.in_force({domain.running->limits(), *domain.live, container::read_limit_facts(*domain.live)});
  if (!(flags & VIR_TYPED_PARAM_STRING_OKAY))
    std::erase_if(parameters, [](const auto& one) { return std::holds_alternative<std::string>(one.value); });
  return parameters;
}

/// As many as the client has room for.
Parameters first_of(Parameters parameters, std::int32_t wanted) {
  if (wanted < 0 || wanted > 16) base::fail(Code::InternalError, "bad number of parameters ", wanted);
  if (static_cast<std::size_t>(wanted) < parameters.size()) parameters.resize(static_cast<std::size_t>(wanted));
  return parameters;
}

template <typename Ret, typename Args>
Ret answer(const Services& services, const TunableFamily& family, const Args& args) {
  auto parameters = parameters_of(family, find_domain(services, args.dom)->snapshot(), args.flags);
  if (args.nparams == 0) return {{}, static_cast<std::int32_t>(parameters.size())};
  return {first_of(std::move(parameters), args.nparams), 0};
}

void change(const Services& services, const TunableFamily& family, const rpc::NonnullDomain& domain,
            const Parameters& parameters, std::uint32_t flags) {
  require_flags(flags, kAffect, family.setter);
  std::optional<Event> event;
  if (&family == &kSchedulerTunables) {  // libvirt has an event for these alone
    TunableEvent changed;
    for (const auto& one : parameters) changed.changed.push_back({"cputune." + one.field, one.value});
    event = std::move(changed);
  }
  find_domain(services, domain)->change([&](auto& definition) { family.change(definition, parameters); }, flags, event);
}

}  // namespace

void add_tuning_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainGetSchedulerType>(Run::Inline, [&](Call&, const auto& args) {
    const auto definition = find_domain(services, args.dom)->snapshot();
    const auto count = kSchedulerTunables.stored(definition.current()).size();
    return rpc::DomainGetSchedulerTypeRet{"posix", static_cast<std::int32_t>(count)};
  });
  table.on<proc::DomainGetSchedulerParameters>(Run::Worker, [&](Call&, const auto& args) {
    const auto domain = find_domain(services, args.dom)->snapshot();
    return rpc::DomainGetSchedulerParametersRet{first_of(parameters_of(kSchedulerTunables, domain, 0), args.nparams)};
  });
  table.on<proc::DomainGetSchedulerParametersFlags>(Run::Worker, [&](Call&, const auto& args) {
    const auto domain = find_domain(services, args.dom)->snapshot();
    return rpc::DomainGetSchedulerParametersFlagsRet{
        first_of(parameters_of(kSchedulerTunables, domain, args.flags), args.nparams)};
  });
  table.on<proc::DomainSetSchedulerParameters>(Run::Worker, [&](Call&, const auto& args) {
    change(services, kSchedulerTunables, args.dom, args.params, 0);
    return Nothing{};
  });
  table.on<proc::DomainSetSchedulerParametersFlags>(Run::Worker, [&](Call&, const auto& args) {
    change(services, kSchedulerTunables, args.dom, args.params, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainGetMemoryParameters>(Run::Worker, [&](Call&, const auto& args) {
    return answer<rpc::DomainGetMemoryParametersRet>(services, kMemoryTunables, args);
  });
  table.on<proc::DomainSetMemoryParameters>(Run::Worker, [&](Call&, const auto& args) {
    change(services, kMemoryTunables, args.dom, args.params, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainGetBlkioParameters>(Run::Worker, [&](Call&, const auto& args) {
    return answer<rpc::DomainGetBlkioParametersRet>(services, kBlockTunables, args);
  });
  table.on<proc::DomainSetBlkioParameters>(Run::Worker, [&](Call&, const auto& args) {
    change(services, kBlockTunables, args.dom, args.params, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainGetNumaParameters>(Run::Worker, [&](Call&, const auto& args) {
    return answer<rpc::DomainGetNumaParametersRet>(services, kNumaTunables, args);
  });
  table.on<proc::DomainSetNumaParameters>(Run::Worker, [&](Call&, const auto& args) {
    change(services, kNumaTunables, args.dom, args.params, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainGetPerfEvents>(Run::Worker, [&](Call&, const auto& args) {
    const auto domain = find_domain(services, args.dom)->snapshot();
    return rpc::DomainGetPerfEventsRet{parameters_of(kPerfTunables, domain, args.flags)};
  });
  table.on<proc::DomainSetPerfEvents>(Run::Worker, [&](Call&, const auto& args) {
    change(services, kPerfTunables, args.dom, args.params, args.flags);
    return Nothing{};
  });
}

}  // namespace driver
