// The administrator's programs that hear of a domain's life and may refuse its start: hooks/NAME, then each in
// hooks/NAME.d in byte order (https://libvirt.org/hooks.html). Looked for each time: one may come and go.
#pragma once

#include <string>

#include "domain-xml/definition.hpp"

namespace driver {

/// What is about to happen, or has: "prepare begin", "start begin", "started begin", "stopped end", "release end" and
/// "reconnect begin" to them.
enum class HookMoment { Prepare, Start, Started, Stopped, Release, Reconnect };

class Hooks {
 public:
  /// `path`: "/etc/libvirt/hooks/lxcell".
  explicit Hooks(std::string path) : path_(std::move(path)) {}

  /// Runs what there is, with the domain's XML as input: as it runs (with `id`) at Started, Stopped and Reconnect, else
  /// as the next boot has it. Waits for their ends; worker threads only. Throws HookScriptFailed at the first that
  /// fails.
  void run(HookMoment moment, const domain_xml::DomainDefinition& definition, int id = -1) const;
  /// The same where nobody can refuse any more: a failure goes to the log.
  void tell(HookMoment moment, const domain_xml::DomainDefinition& definition, int id = -1) const noexcept;

 private:
  const std::string path_;
};

}  // namespace driver
