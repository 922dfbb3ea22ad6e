// The states a domain can be in, and which calls each state allows.
#pragma once

#include <libvirt/libvirt.h>

#include "container/running.hpp"
#include "domain-xml/definition.hpp"

namespace driver {

struct Status {
  int state = VIR_DOMAIN_SHUTOFF;           // virDomainState: RUNNING, PAUSED or SHUTOFF
  int reason = VIR_DOMAIN_SHUTOFF_UNKNOWN;  // the state's own reason enumeration
  bool active() const { return state != VIR_DOMAIN_SHUTOFF; }
  bool operator==(const Status&) const = default;
};

/// What the end of init means, once what the definition and the client asked for is known.
struct EndVerdict {
  enum class Next { Stop, Restart } next = Next::Stop;
  bool reboot_event = false;  // the guest rebooted: REBOOT instead of STOPPED and STARTED
  int shutoff_reason = VIR_DOMAIN_SHUTOFF_SHUTDOWN;
  int stopped_detail = VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;
  bool operator==(const EndVerdict&) const = default;
};

/// Pure. `shutdown_requested`: a client asked for shutdown, so that any end is a shutdown and never a crash.
EndVerdict judge_end(const container::ExitRecord& exit, const domain_xml::DomainDefinition& definition,
                     bool shutdown_requested);

}  // namespace driver
