// virtlxcelld --check-host: what this host offers to containers, what is missing, and what to do about it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "container/host_offers.hpp"
#include "driver/config.hpp"
#include "driver/paths.hpp"

namespace driver {

/// What the host has besides its kernel.
struct HostServices {
  std::map<std::string, bool> siblings;  // libvirt's other daemons, "virtnetworkd": whether each listens
  bool subordinate_ids = false;          // for automatic id maps
  std::string idmap_user;
  bool apparmor_parser = false;
  bool operator==(const HostServices&) const = default;
};

struct HostFinding {
  /// Warn: containers run, but something that a definition may ask for does not. Fail: no container starts.
  enum class Verdict { Pass, Warn, Fail } verdict = Verdict::Pass;
  std::string what;
  std::string remedy;  // empty when there is nothing to do
  bool operator==(const HostFinding&) const = default;
};

HostServices find_host_services(const Paths& paths, const Config& config);
/// Pure.
std::vector<HostFinding> judge_host(const container::HostOffers& offers, const HostServices& services);
/// A line each, as virt-host-validate(1) prints them, with the remedies.
std::string format_findings(const std::vector<HostFinding>& findings);

}  // namespace driver
