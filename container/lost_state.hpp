// A container whose state file is lost: what has to be known to take it over is asked of its supervisor and the kernel.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "container/control_socket.hpp"
#include "container/running.hpp"
#include "domain-xml/definition.hpp"

namespace container {

struct LostState {
  RunningFacts facts;                 // but for mount points that filesystems which came later needed
  domain_xml::DomainDefinition live;  // the definition it was asked for by, with those interfaces that it has
};

/// Asks whoever listens at DIRECTORY/NAME. nullopt when nobody does any more; throws SystemError when that cannot be
/// told, OperationUnsupported for a supervisor of a newer lxcell.
std::optional<LostState> find_lost_state(const std::string& directory, const std::string& name,
                                         domain_xml::DomainDefinition definition, Deadline deadline);

/// Partition and leaf of the cgroup that a supervisor is in, by its /proc/PID/cgroup. Throws InternalError.
std::pair<std::string, std::string> parse_supervisor_cgroup(const std::string& text);

}  // namespace container
