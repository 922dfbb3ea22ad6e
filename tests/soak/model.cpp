#include "soak/model.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <array>

namespace soak {
namespace {

int libvirt_state(const State& state) {
  if (state.phase == Phase::Off) return VIR_DOMAIN_SHUTOFF;
  return state.phase == Phase::Running ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_PAUSED;
}

State off(State state, int reason) {
  state = {.persistent = state.persistent, .reason = reason, .config_shares = state.config_shares};
  return state.exists() ? state : State{};
}

State running(State state, long shares) {
  state.phase = Phase::Running;
  state.ending = Ending::None;
  state.delivered = false;
  state.reason = VIR_DOMAIN_RUNNING_BOOTED;
  state.live_shares = shares;
  state.devices = 0;
  return state;
}

/// What the operation has to fail with in this state; 0 when it has to succeed.
int due_error(const State& state, const Operation& operation) {
  const bool active = state.phase != Phase::Off;
  const unsigned device = operation.value >= 0 && operation.value < 32 ? 1u << operation.value : 0;
  switch (operation.kind) {
    case Kind::Define:
    case Kind::Listed:
      return 0;
    case Kind::CreateXml:
      return active ? VIR_ERR_OPERATION_INVALID : 0;
    default:
      break;
  }
  if (!state.exists()) return VIR_ERR_NO_DOMAIN;
  switch (operation.kind) {
    case Kind::Undefine:
    case Kind::SetConfigShares:
    case Kind::GetConfigShares:
      return state.persistent ? 0 : VIR_ERR_OPERATION_INVALID;
    case Kind::Create:
    case Kind::CreatePaused:
      return active ? VIR_ERR_OPERATION_INVALID : 0;
    case Kind::Resume:
      return state.phase == Phase::Paused ? 0 : VIR_ERR_OPERATION_INVALID;
    case Kind::Attach:
      if (!active) return VIR_ERR_OPERATION_INVALID;
      return state.devices & device ? VIR_ERR_OPERATION_FAILED : 0;
    case Kind::Detach:
      if (!active) return VIR_ERR_OPERATION_INVALID;
      if (state.devices & device) return 0;
      return operation.value == kInterface ? VIR_ERR_DEVICE_MISSING : VIR_ERR_OPERATION_FAILED;
    case Kind::State:
    case Kind::Info:
    case Kind::Dump:
      return 0;
    default:
      return active ? 0 : VIR_ERR_OPERATION_INVALID;
  }
}

}  // namespace

const char* name_of(Kind kind) {
  static constexpr std::array<const char*, kKinds> names = {"define",
                                                            "undefine",
                                                            "create",
                                                            "create paused",
                                                            "create from XML",
                                                            "destroy",
                                                            "suspend",
                                                            "resume",
                                                            "shutdown",
                                                            "kill init",
                                                            "set shares live",
                                                            "set shares config",
                                                            "get shares live",
                                                            "get shares config",
                                                            "attach",
                                                            "detach",
                                                            "state",
                                                            "info",
                                                            "list with statistics",
                                                            "dump XML",
                                                            "usage"};
  return names.at(static_cast<std::size_t>(kind));
}

std::string describe(const State& state) {
  static constexpr std::array<const char*, 3> phases = {"off", "running", "paused"};
  static constexpr std::array<const char*, 3> endings = {"", ", told to shut down", ", killed"};
  if (!state.exists()) return "none";
  return std::string(phases.at(static_cast<std::size_t>(state.phase))) + "/" + std::to_string(state.reason) +
         endings.at(static_cast<std::size_t>(state.ending)) + (state.persistent ? ", persistent" : ", transient") +
         ", shares " + std::to_string(state.live_shares) + " live " + std::to_string(state.config_shares) +
         " config, devices " + std::to_string(state.devices);
}

bool started_and_gone(const Operation& operation, const Answer& answer) {
  return operation.kind == Kind::Create && answer.error == VIR_ERR_NO_DOMAIN && answer.message.ends_with('\'');
}

std::optional<Step> apply(const State& before, const Operation& operation, const Answer& answer, bool going) {
  // That init or the cgroup is no more is seen by who needs it a moment before the domain is shut off for everybody.
  const bool needs_kernel = operation.kind == Kind::Attach || operation.kind == Kind::Detach ||
                            operation.kind == Kind::GetLiveShares || operation.kind == Kind::Usage;
  if (needs_kernel && (before.delivered || going) && answer.error == VIR_ERR_OPERATION_INVALID) return Step{before, {}};
  const int error = started_and_gone(operation, answer) ? 0 : answer.error;
  if (error != due_error(before, operation)) return std::nullopt;
  Step step{before, {}};
  if (error != 0) return step;
  State& after = step.after;
  const auto tell = [&](int type, int detail) { step.events.push_back({type, detail}); };
  const auto read = [&](bool right) { return right ? std::optional(step) : std::nullopt; };
  switch (operation.kind) {
    case Kind::Define:
      tell(VIR_DOMAIN_EVENT_DEFINED,
           before.persistent ? VIR_DOMAIN_EVENT_DEFINED_UPDATED : VIR_DOMAIN_EVENT_DEFINED_ADDED);
      after.persistent = true;
      after.config_shares = operation.value;
      return step;
    case Kind::Undefine:
      tell(VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
      after.persistent = false;
      after.config_shares = 0;
      if (!after.exists()) after = {};
      return step;
    case Kind::Create:
    case Kind::CreatePaused:
      after = running(before, before.config_shares);
      tell(VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
      if (operation.kind == Kind::Create) return step;
      after.phase = Phase::Paused;
      after.reason = VIR_DOMAIN_PAUSED_USER;
      tell(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
      return step;
    case Kind::CreateXml:
      after = running(before, operation.value);
      tell(VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
      return step;
    case Kind::Destroy:
      after = off(before, VIR_DOMAIN_SHUTOFF_DESTROYED);
      tell(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
      return step;
    case Kind::Suspend:
      if (before.phase == Phase::Paused) return step;
      after.phase = Phase::Paused;
      after.reason = VIR_DOMAIN_PAUSED_USER;
      tell(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
      return step;
    case Kind::Resume:
      after.phase = Phase::Running;
      after.reason = VIR_DOMAIN_RUNNING_UNPAUSED;
      after.delivered = before.ending != Ending::None;
      tell(VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
      return step;
    case Kind::Shutdown:
      after.ending = Ending::Shutdown;  // whatever ends it now, that was asked for
      after.delivered = before.delivered || before.phase == Phase::Running;
      return step;
    case Kind::Crash:
      if (before.ending == Ending::None) after.ending = Ending::Crash;
      after.delivered = true;  // whether SIGKILL reaches a frozen process is the hierarchy's matter
      return step;
    case Kind::SetLiveShares:
      after.live_shares = operation.value;
      return step;
    case Kind::SetConfigShares:
      after.config_shares = operation.value;
      return step;
    case Kind::GetLiveShares:
      return read(answer.value == before.live_shares);
    case Kind::GetConfigShares:
      return read(answer.value == before.config_shares);
    case Kind::Attach:
      after.devices |= 1u << operation.value;
      return step;
    case Kind::Detach:
      after.devices &= ~(1u << operation.value);
      return step;
    case Kind::State:
      return read(answer.value == libvirt_state(before) && answer.second == before.reason);
    case Kind::Info:
      return read(answer.value == libvirt_state(before));
    case Kind::Listed:
      return read(answer.value == (before.exists() ? libvirt_state(before) : -1));
    case Kind::Dump:
      return read(before.phase == Phase::Off
                      ? answer.value == before.config_shares && answer.second == 0
                      : answer.value == before.live_shares && answer.second == static_cast<long>(before.devices));
    case Kind::Usage:
      return step;
  }
  return std::nullopt;
}

std::optional<Step> end_by_itself(const State& before) {
  // Also while it is paused: who is on the way out when the freezer comes is not stopped by it.
  if (before.phase == Phase::Off || !before.delivered) return std::nullopt;
  const bool crash = before.ending == Ending::Crash;
  return Step{
      off(before, crash ? VIR_DOMAIN_SHUTOFF_CRASHED : VIR_DOMAIN_SHUTOFF_SHUTDOWN),
      {{VIR_DOMAIN_EVENT_STOPPED, crash ? VIR_DOMAIN_EVENT_STOPPED_CRASHED : VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN}}};
}

}  // namespace soak
