// Scheduler parameters, answered from the definitions in every state (a question about a shut-off domain must not
// hurt).
#include <libvirt/libvirt.h>

#include "base/error.hpp"
#include "driver/calls.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using rpc::Call;
using rpc::Run;
namespace proc = rpc::proc;

// The kernel's own defaults of a cgroup nobody has tuned (cgroup v1 cpu controller, sched-bwc.rst).
constexpr std::uint64_t kDefaultShares = 1024, kDefaultPeriodUs = 100000;
constexpr std::int64_t kUnlimitedQuota = -1;

std::vector<rpc::TypedParam> scheduler_parameters(const DomainSnapshot& domain, std::uint32_t flags,
                                                  std::int32_t wanted) {
  require_flags(flags, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG | VIR_TYPED_PARAM_STRING_OKAY,
                "virDomainGetSchedulerParametersFlags");
  const std::uint32_t where = flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG);
  if (where == (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG))
    base::fail(base::Code::InvalidArg, "flags 'live' and 'config' are mutually exclusive");
  const Affected affected = require_affected(domain, where);
  const auto& tune = (affected.live ? *domain.live : *domain.config).cpu_tune;
  std::vector<rpc::TypedParam> params = {
      {VIR_DOMAIN_SCHEDULER_CPU_SHARES, std::uint64_t{tune.shares.value_or(affected.live ? kDefaultShares : 0)}},
      {VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, std::uint64_t{tune.period_us.value_or(affected.live ? kDefaultPeriodUs : 0)}},
      {VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, std::int64_t{tune.quota_us.value_or(affected.live ? kUnlimitedQuota : 0)}},
  };
  if (wanted < 0 || wanted > 16) base::fail(base::Code::InternalError, "bad number of parameters ", wanted);
  if (static_cast<std::size_t>(wanted) < params.size()) params.resize(static_cast<std::size_t>(wanted));
  return params;
}

}  // namespace

void add_tuning_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainGetSchedulerType>(Run::Inline, [&](Call&, const auto& args) {
    find_domain(services, args.dom);
    return rpc::DomainGetSchedulerTypeRet{"posix", 3};
  });
  table.on<proc::DomainGetSchedulerParameters>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainGetSchedulerParametersRet{
        scheduler_parameters(find_domain(services, args.dom)->snapshot(), 0, args.nparams)};
  });
  table.on<proc::DomainGetSchedulerParametersFlags>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainGetSchedulerParametersFlagsRet{
        scheduler_parameters(find_domain(services, args.dom)->snapshot(), args.flags, args.nparams)};
  });
}

}  // namespace driver
