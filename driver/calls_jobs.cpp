// Jobs as libvirt means them: long work on a domain's whole state (migration, save, dump, backup) that a client may
// watch and cancel, and whose end VIR_DOMAIN_EVENT_ID_JOB_COMPLETED tells. Nothing that is done to a container is one:
// starts, freezes and trims answer when they are over, and cannot be cancelled. So the answer is always "none", of the
// past too, and that event never comes; what is under way at this moment is told by the control info.
#include <libvirt/libvirt.h>

#include "base/error.hpp"
#include "driver/calls.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

std::shared_ptr<Domain> running_domain(const Services& services, const rpc::NonnullDomain& wanted) {
  auto domain = find_domain(services, wanted);
  if (!domain->snapshot().status.active())
    base::fail(Code::OperationInvalid, "domain '", domain->name(), "' is not running");
  return domain;
}

rpc::DomainGetControlInfoRet control_info(const Services& services, const rpc::DomainGetControlInfoArgs& args) {
  require_flags(args.flags, 0, "virDomainGetControlInfo");
  const auto age = running_domain(services, args.dom)->job_age();
  if (!age) return {VIR_DOMAIN_CONTROL_OK, VIR_DOMAIN_CONTROL_ERROR_REASON_NONE, 0};
  return {VIR_DOMAIN_CONTROL_JOB, VIR_DOMAIN_CONTROL_ERROR_REASON_NONE, static_cast<std::uint64_t>(age->count())};
}

[[noreturn]] void refuse_to_abort(const Services& services, const rpc::NonnullDomain& wanted) {
  const auto domain = running_domain(services, wanted);
  base::fail(Code::OperationInvalid, "no job is active on domain '", domain->name(), "'");
}

}  // namespace

void add_job_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainGetJobInfo>(Run::Inline, [&](Call&, const auto& args) {
    running_domain(services, args.dom);
    return rpc::DomainGetJobInfoRet{.type = VIR_DOMAIN_JOB_NONE};
  });
  table.on<proc::DomainGetJobStats>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED,
                  "virDomainGetJobStats");
    // The last job's figures outlive the run they were of.
    if (args.flags & VIR_DOMAIN_JOB_STATS_COMPLETED)
      find_domain(services, args.dom);
    else
      running_domain(services, args.dom);
    return rpc::DomainGetJobStatsRet{VIR_DOMAIN_JOB_NONE, {}};
  });
  table.on<proc::DomainAbortJob>(Run::Inline,
                                 [&](Call&, const auto& args) -> Nothing { refuse_to_abort(services, args.dom); });
  table.on<proc::DomainAbortJobFlags>(Run::Inline, [&](Call&, const auto& args) -> Nothing {
    require_flags(args.flags, VIR_DOMAIN_ABORT_JOB_POSTCOPY, "virDomainAbortJobFlags");
    refuse_to_abort(services, args.dom);
  });
  table.on<proc::DomainGetControlInfo>(Run::Inline,
                                       [&](Call&, const auto& args) { return control_info(services, args); });
}

}  // namespace driver
