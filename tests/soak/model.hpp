// What a domain may answer: a sequential model of its state machine. Given a state, an operation and the answer a
// client got, it says whether that answer is right and what the domain is afterwards.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace soak {

enum class Kind {
  Define,  // value: cpu shares
  Undefine,
  Create,
  CreatePaused,  // two steps others can see between: own domains only
  CreateXml,     // value: cpu shares of this run
  Destroy,
  Suspend,
  Resume,
  Shutdown,         // init ends some time later
  Crash,            // SIGKILL to init, which ends some time later
  SetLiveShares,    // value
  SetConfigShares,  // value
  GetLiveShares,
  GetConfigShares,
  Attach,  // value: device number
  Detach,  // value: device number
  State,   // state, reason
  Info,    // state
  Listed,  // state in the statistics of all domains, -1 when it is not among them
  Dump,    // live XML: cpu shares, attached devices
  Usage,   // some statistics call of a running domain
};
inline constexpr int kKinds = static_cast<int>(Kind::Usage) + 1;
const char* name_of(Kind kind);

/// Devices that come and go, by number: filesystems, and one interface.
inline constexpr long kDevices = 3, kInterface = 2;

struct Operation {
  Kind kind = Kind::State;
  long value = 0;
};
struct Answer {
  int error = 0;  // virErrorNumber, 0 when the call succeeded
  long value = 0, second = 0;
  std::string message = {};
};

/// As a lifecycle event has them.
struct Told {
  int type = 0, detail = 0;
  auto operator<=>(const Told&) const = default;
};

enum class Phase { Off, Running, Paused };
enum class Ending { None, Shutdown, Crash };  // what init has been told and not yet done

struct State {
  Phase phase = Phase::Off;
  Ending ending = Ending::None;
  bool delivered = false;  // init may have got that: it was not frozen all the time since
  bool persistent = false;
  int reason = 0;
  long live_shares = 0, config_shares = 0;
  unsigned devices = 0;  // by number, of the running domain
  auto operator<=>(const State&) const = default;
  bool exists() const { return persistent || phase != Phase::Off; }
};
std::string describe(const State& state);

/// virDomainCreate() that did start the domain: libvirt's client then looks up by uuid which id it got, and by then
/// somebody else may have removed it. What the daemon says of a call for a domain that is not there names it.
bool started_and_gone(const Operation& operation, const Answer& answer);

struct Step {
  State after;
  std::vector<Told> events;
};
/// nullopt: a domain in this state does not answer like that. `going`: somebody is destroying it meanwhile, so that
/// what it needs of the kernel may be gone already.
std::optional<Step> apply(const State& before, const Operation& operation, const Answer& answer, bool going);
/// Init ends by itself; nullopt when nothing makes it.
std::optional<Step> end_by_itself(const State& before);

}  // namespace soak
