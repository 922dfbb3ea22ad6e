// A start in progress: the supervisor that comes up, the cgroup, the links. What it has made goes, newest first, unless
// it is committed.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/pid_fd.hpp"
#include "cgroup/hierarchy.hpp"
#include "cgroup/limits.hpp"
#include "container/affinity.hpp"
#include "container/container_links.hpp"
#include "container/fork_server.hpp"
#include "container/plan_container.hpp"
#include "container/scope_keeper.hpp"
#include "container/supervised_container.hpp"

namespace container {

class Attempt {
 public:
  /// `parts`: what is known of the container before anything is made.
  Attempt(ForkServer& forks, ContainerParts parts) : forks_(forks), parts_(std::move(parts)) {}
  ~Attempt() {
    if (!committed_) undo();
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// By a thread of its own: the parser may have to run, and the kernel has to check what it is given.
  void load_label(const LabelPlan& label) {
    if (label.own_profile.empty()) return;
    loading_ = std::async(std::launch::async, [security = parts_.security, label] { security->load(label); });
  }
  /// It waits to be told what to do.
  void fork_supervisor();
  void use_image(RootTargets& targets, const std::string& root) { parts_.root = targets.enter(root); }
  void use_scope(ScopeKeepers& scopes, const CgroupPlace& place) {
    if (place.scope) parts_.scope = scopes.hold(*place.scope);
  }
  void begin_group(const cgroup::Hierarchy& hierarchy, const CgroupPlace& place) {
    parts_.group = cgroup::Group::begin(hierarchy, place.partition, place.leaf);
    parts_.facts.cgroup_partition = place.partition;
    parts_.facts.cgroup_leaf = place.leaf;
  }
  void complete_group(const ContainerPlan& plan, const cgroup::Limits& limits);
  /// `empty_root`: -1 when who makes the mounts has to see the host's.
  void instruct_supervisor(const ContainerPlan& plan, const base::Fd& log, int empty_root,
                           const std::vector<base::Fd>& shared_namespaces, const std::vector<base::Fd>& images,
                           const std::vector<base::Fd>& given);
  /// The network namespace has come with `message`. The names of the links' ends on the host.
  const std::vector<std::string>& make_network(const std::vector<LinkPlan>& plans, LinkNames& names,
                                               ControlMessage& message);
  void say_network_is_done();
  /// What is known before init runs.
  const RunningFacts& facts();
  protocol::StatusMessage await_ready(const std::function<void(ControlMessage&)>& on_network);
  /// Once init runs, which would inherit it.
  void pin_supervisor(const std::string& cpus) {
    if (!cpus.empty()) set_affinity(supervisor().pid(), cpus);
  }
  ContainerParts commit(const protocol::StatusMessage& ready);

 private:
  static constexpr std::chrono::seconds kStartLimit{30};

  void undo() noexcept;
  /// Throws why there is none. The first to ask hears the first that it says.
  base::PidFd& supervisor() {
    if (std::exchange(forking_, false)) parts_.supervisor = forks_.await_forked(parts_.control, deadline_);
    return parts_.supervisor;
  }
  /// `error`: as in ControlMessage.
  [[noreturn]] void fail_for_hang_up(int error = 0);

  ForkServer& forks_;
  const Deadline deadline_ = std::chrono::steady_clock::now() + kStartLimit;
  ContainerParts parts_;
  std::vector<ContainerLink> links_;
  std::future<void> loading_;
  bool forking_ = false, listening_ = false, committed_ = false;
};

}  // namespace container
