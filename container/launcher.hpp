// Definition → running container, and live state → running container after a daemon restart.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "cgroup/hierarchy.hpp"
#include "container/running.hpp"
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
  FindNamespaces namespaces_of;  // of other domains, by name
};

struct Launched {
  std::unique_ptr<Running> running;
  /// The definition as it runs: target devs, guest names, console paths and aliases, synthesised root filled in.
  domain_xml::DomainDefinition live;
};

/// Told of the ends on the host of a container's interfaces, in order, when all links are made and nothing runs inside
/// yet. What it throws fails the start.
using LinksMade = std::function<void(const std::vector<std::string>& host_ends)>;

class Launcher {
 public:
  Launcher(base::EventLoop& loop, LauncherConfig config);
  ~Launcher();

  /// Blocks until init has been exec'ed (a few milliseconds). Throws the first cause; nothing is left behind then.
  /// Called on worker threads, at once for different domains.
  Launched launch(const domain_xml::DomainDefinition& definition, const LinksMade& links_made = {});
  /// Finds the supervisor again by its socket, pid and start time; nullptr when it is gone (leftovers have been
  /// removed).
  std::unique_ptr<Running> adopt(const domain_xml::DomainDefinition& live, const RunningFacts& facts);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace container
