// Definition → running container, and live state → running container after a daemon restart.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "cgroup/hierarchy.hpp"
#include "container/audit_config.hpp"
#include "container/lost_state.hpp"
#include "container/running.hpp"
#include "container/security.hpp"
#include "container/shared_namespaces.hpp"
#include "container/unsafe_defaults.hpp"
#include "domain-xml/definition.hpp"

namespace container {

struct LauncherConfig {
  std::string supervisor_path;  // lxcell-supervisor
  std::string run_directory;    // sockets: RUN/NAME.sock
  std::string log_directory;    // RUN/NAME.log receives the plan and the supervisor's messages
  std::string cgroup_root;      // prefix of every cgroup path, "" normally; tests use their own plain directories
  std::string default_partition = "/machine";
  UnsafeDefaults unsafe;
  SecurityConfig security;
  AuditConfig audit;
  FindNamespaces namespaces_of;  // of other domains, by name
};

struct Launched {
  std::unique_ptr<Running> running;
  /// The definition as it runs: target devs, guest names, console paths and aliases, synthesised root filled in.
  domain_xml::DomainDefinition live;
};

/// What a start tells on its way. What these throw fails the start.
struct StartSteps {
  /// All links are made and nothing runs inside yet: the ends on the host of the container's interfaces, in order
  /// (none, if it has no interfaces).
  std::function<void(const std::vector<std::string>& host_ends)> links_made = [](const auto&) {};
  /// Beside init's last steps: what adopt() needs is known. The definition as it runs lacks the paths of consoles; it
  /// may be added to.
  std::function<void(const RunningFacts& facts, domain_xml::DomainDefinition& live)> prepared = [](auto&, auto&) {};
};

class Launcher {
 public:
  Launcher(base::EventLoop& loop, LauncherConfig config);
  ~Launcher();

  /// Blocks until init has been exec'ed (a few milliseconds). Throws the first cause; nothing is left behind then.
  /// Called on worker threads, at once for different domains.
  /// `given`: what init has as descriptors 3, 4 ...
  Launched launch(const domain_xml::DomainDefinition& definition, const StartSteps& steps = {},
                  const std::vector<base::Fd>& given = {});
  /// The host's security model, as its capabilities say.
  const std::string& security_model() const;
  std::string security_base_label() const;

  /// Finds the supervisor again by its socket, pid and start time; nullptr when it is gone (leftovers have been
  /// removed).
  std::unique_ptr<Running> adopt(const domain_xml::DomainDefinition& live, const RunningFacts& facts);
  /// What adopt() needs, of a container about which nothing is on disk: see lost_state.hpp.
  std::optional<LostState> find_lost(const domain_xml::DomainDefinition& definition) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace container
