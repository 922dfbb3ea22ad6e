#include "driver/domain_state.hpp"

#include <sys/wait.h>

namespace driver {
namespace {

using container::ExitCause;
using domain_xml::LifecycleAction;

bool restarts(LifecycleAction action) {
  return action == LifecycleAction::Restart || action == LifecycleAction::RenameRestart ||
         action == LifecycleAction::CoredumpRestart;
}

EndVerdict crashed(LifecycleAction action) {
  EndVerdict verdict;
  verdict.next = restarts(action) ? EndVerdict::Next::Restart : EndVerdict::Next::Stop;
  verdict.shutoff_reason = VIR_DOMAIN_SHUTOFF_CRASHED;
  verdict.stopped_detail = VIR_DOMAIN_EVENT_STOPPED_CRASHED;
  return verdict;
}

}  // namespace

EndVerdict judge_end(const container::ExitRecord& exit, const domain_xml::DomainDefinition& definition,
                     bool shutdown_requested) {
  EndVerdict verdict;
  switch (exit.cause) {
    case ExitCause::SupervisorLost:
      verdict.shutoff_reason = VIR_DOMAIN_SHUTOFF_FAILED;
      verdict.stopped_detail = VIR_DOMAIN_EVENT_STOPPED_FAILED;
      return verdict;
    case ExitCause::Reboot:
      if (restarts(definition.on_reboot)) {
        verdict.next = EndVerdict::Next::Restart;
        verdict.reboot_event = true;
      }
      return verdict;
    case ExitCause::PowerOff:
      break;
    case ExitCause::OutOfMemory:
    case ExitCause::Exited:
      if (exit.wait_status != 0 && !shutdown_requested) return crashed(definition.on_crash);
      break;
  }
  if (restarts(definition.on_poweroff)) verdict.next = EndVerdict::Next::Restart;
  return verdict;
}

}  // namespace driver
