#include "container/launcher.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <mutex>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/affinity.hpp"
#include "container/container_links.hpp"
#include "container/container_log.hpp"
#include "container/control_socket.hpp"
#include "container/empty_root.hpp"
#include "container/plan_codec.hpp"
#include "container/plan_container.hpp"
#include "container/scope_keeper.hpp"
#include "container/spawn.hpp"
#include "container/supervised_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;
using domain_xml::DomainDefinition;
using protocol::Type;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kStartLimit{30};
constexpr std::chrono::seconds kAdoptLimit{30};  // a slow answer must not cost a container its life
constexpr milliseconds kEndLimit{2000};
constexpr std::size_t kMaxSocketName = 80;  // "/proc/self/fd/N/" and this fit into sun_path

/// RUN/NAME.sock; a name too long for a socket path is replaced by the uuid.
std::string socket_name(const DomainDefinition& definition) {
  const std::string name = definition.name + ".sock";
  return name.size() <= kMaxSocketName ? name : base::format_uuid(definition.uuid) + ".sock";
}

std::string log_path(const LauncherConfig& config, const std::string& name) {
  return config.log_directory + "/" + name + ".log";
}

base::Fd open_log(const LauncherConfig& config, const ContainerPlan& plan) {
  const std::string path = log_path(config, plan.name);
  base::Fd log = base::open_file(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
  const std::string text = log_timestamp() + ": starting up\n" + config.supervisor_path + " " + plan.name + "\n";
  base::write_all(log.get(), text.data(), text.size(), path);
  return log;
}

void log_plan(const LauncherConfig& config, const ContainerPlan& plan, const base::Fd& log) {
  const std::string text = print_plan(plan);
  base::write_all(log.get(), text.data(), text.size(), log_path(config, plan.name));
}

/// Sealed: the supervisor maps it and relies on its content not changing.
base::Fd plan_file(const std::string& bytes) {
  base::Fd file(::memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) base::fail_errno(Code::SystemError, "cannot make a memory file");
  base::write_all(file.get(), bytes.data(), bytes.size(), "plan");
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
    base::fail_errno(Code::SystemError, "cannot seal the plan");
  return file;
}

void give(const std::string& path, const ContainerPlan& plan) {
  if (::lchown(path.c_str(), plan.root_uid, plan.root_gid) < 0 && errno != ENOENT)
    base::fail_errno(Code::SystemError, "cannot give '", path, "' to the container");
}

/// The container's root may arrange its own processes where that is safe: v2 and systemd's own hierarchy.
void give_payload(const cgroup::Group& group, const ContainerPlan& plan) {
  if (plan.uid_map.empty()) return;
  const auto directories = group.payload_directories();
  const auto mounts = group.mounts();
  for (std::size_t i = 0; i < directories.size(); ++i) {
    const auto& mount = mounts.at(i);
    const bool named = mount.controllers == std::vector<std::string>{"name=systemd"};
    if (mount.version != 2 && !named) continue;
    give(directories[i], plan);
    for (const char* file : {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"})
      give(directories[i] + "/" + file, plan);
  }
}

/// A start in progress. What it has made goes, newest first, unless it is committed.
class Attempt {
 public:
  Attempt(const LauncherConfig& config, const DomainDefinition& definition) {
    parts_.name = definition.name;
    parts_.run_directory = config.run_directory;
    parts_.socket_name = socket_name(definition);
    parts_.log_path = log_path(config, definition.name);
  }
  ~Attempt() {
    if (!committed_) undo();
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void use_image(RootTargets& targets, const std::string& root) { parts_.root = targets.enter(root); }
  void use_scope(ScopeKeepers& scopes, const CgroupPlace& place) {
    if (place.scope) parts_.scope = scopes.hold(*place.scope);
  }
  void begin_group(const cgroup::Hierarchy& hierarchy, const CgroupPlace& place) {
    parts_.group = cgroup::Group::begin(hierarchy, place.partition, place.leaf);
    parts_.facts.cgroup_partition = place.partition;
    parts_.facts.cgroup_leaf = place.leaf;
  }
  void complete_group(const ContainerPlan& plan, const cgroup::Limits& limits) {
    parts_.group->complete(limits);
    give_payload(*parts_.group, plan);
    if (!parts_.control.send_attach(parts_.group->supervisor_tasks(), parts_.group->payload_tasks()))
      fail_for_hang_up();
  }
  /// `empty_root`: -1 when init has to see the host's mounts while it sets up.
  void start_supervisor(const LauncherConfig& config, const ContainerPlan& plan, const base::Fd& log, int empty_root,
                        const std::vector<base::Fd>& shared_namespaces);
  protocol::StatusMessage await_ready(const std::vector<LinkPlan>& links, LinkNames& names, const LinksMade& links_made,
                                      Deadline deadline);
  /// Once init runs, which would inherit it.
  void pin_supervisor(const std::string& cpus) {
    if (!cpus.empty()) set_affinity(supervisor().pid(), cpus);
  }
  ContainerParts commit(const protocol::StatusMessage& ready);

 private:
  void undo() noexcept;
  /// Throws why it could not be spawned.
  base::PidFd& supervisor() {
    if (spawning_.valid()) parts_.supervisor = spawning_.get();
    return parts_.supervisor;
  }
  [[noreturn]] void fail_for_hang_up();
  void make_network(const std::vector<LinkPlan>& plans, LinkNames& names, const LinksMade& links_made,
                    ControlMessage& message);

  ContainerParts parts_;
  std::vector<ContainerLink> links_;
  std::future<base::PidFd> spawning_;
  bool listening_ = false, committed_ = false;
};

/// Spawned by a thread of its own, since that takes until the supervisor is executed, and the kernel finds another CPU
/// for both. What it is to do is waiting in its socket then.
void Attempt::start_supervisor(const LauncherConfig& config, const ContainerPlan& plan, const base::Fd& log,
                               int empty_root, const std::vector<base::Fd>& shared_namespaces) {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  parts_.control = ControlSocket(std::move(ours));
  auto spawn = [&, far_end = std::move(theirs), v2_directory = parts_.group->supervisor_directory()]() mutable {
    const base::Fd control = std::move(far_end);  // closed at the end, lest a supervisor that is gone seem to be there
    return spawn_supervisor({.program = config.supervisor_path,
                             .name = parts_.name,
                             .control = control.get(),
                             .log = log.get(),
                             .v2_directory = v2_directory.get()});
  };
  spawning_ = std::async(std::launch::async, std::move(spawn));
  parts_.group->add_memory();
  const base::Fd listener = listen_at(parts_.run_directory, parts_.socket_name);
  listening_ = true;
  const std::string bytes = encode_plan(plan);
  const base::Fd file = plan_file(bytes), v2_payload = parts_.group->payload_directory();
  if (!parts_.control.send_start({.plan = file.get(),
                                  .plan_size = bytes.size(),
                                  .log = log.get(),
                                  .listener = listener.get(),
                                  .v2_payload = v2_payload.get(),
                                  .empty_root = empty_root,
                                  .shared_namespaces = shared_namespaces,
                                  .tasks = parts_.group->supervisor_tasks()}))
    fail_for_hang_up();
}

void Attempt::fail_for_hang_up() {
  supervisor().wait_exit(static_cast<int>(kEndLimit.count()));
  std::string how = "without saying why";
  if (const auto status = supervisor().reap()) {
    if (WIFSIGNALED(*status)) how = "by signal " + std::to_string(WTERMSIG(*status));
    if (WIFEXITED(*status)) how = "with status " + std::to_string(WEXITSTATUS(*status));
  }
  base::fail(Code::InternalError, "guest failed to start: supervisor ended ", how);
}

void Attempt::make_network(const std::vector<LinkPlan>& plans, LinkNames& names, const LinksMade& links_made,
                           ControlMessage& message) {
  if (message.fds.size() < 2) base::fail(Code::InternalError, "guest failed to start: no network namespace was sent");
  links_ = make_links(plans, names, message.fds[1].get(), netlink::Socket(std::move(message.fds[0])),
                      {parts_.run_directory, parts_.name});
  if (links_made) {
    std::vector<std::string> host_ends;
    for (const auto& link : links_) host_ends.push_back(link.host_name());
    links_made(host_ends);
  }
  if (!parts_.control.send(Type::NetworkDone)) fail_for_hang_up();
}

protocol::StatusMessage Attempt::await_ready(const std::vector<LinkPlan>& links, LinkNames& names,
                                             const LinksMade& links_made, Deadline deadline) {
  while (true) {
    auto message = parts_.control.receive(deadline);
    if (message.kind == ControlMessage::Kind::Nothing)
      base::fail(Code::OperationTimeout, "domain '", parts_.name, "' did not start within ", kStartLimit.count(), " s");
    if (message.kind == ControlMessage::Kind::HangUp) fail_for_hang_up();
    switch (message.type) {
      case Type::NetworkReady:
        make_network(links, names, links_made, message);
        break;
      case Type::Failed:
        throw start_failure(message.failed);
      case Type::Exited:  // init was executed and ended at once: a start all the same
        parts_.exit = exit_record(message.status.wait_status);
        return message.status;
      case Type::Ready:
        if (message.fds.empty()) base::fail(Code::InternalError, "guest failed to start: no init process was sent");
        parts_.init = base::PidFd(message.status.init_pid, std::move(message.fds[0]));
        return message.status;
      default:
        break;  // of a newer supervisor
    }
  }
}

/// What a supervisor says about its container, for both a fresh one and one found again.
void take_status(ContainerParts& parts, const protocol::StatusMessage& status) {
  parts.facts.init_pid = status.init_pid;
  parts.facts.console_paths.assign(status.console_paths, status.console_paths + status.consoles);
  parts.created.assign(status.created, status.created_size);
}

ContainerParts Attempt::commit(const protocol::StatusMessage& ready) {
  take_status(parts_, ready);
  parts_.facts.supervisor_pid = supervisor().pid();
  parts_.facts.supervisor_start_time = base::process_start_time(parts_.facts.supervisor_pid);
  for (auto& link : links_) {
    parts_.facts.host_links.push_back(link.host_name());
    if (link.host_index() != 0) parts_.links.emplace_back(link.host_name(), link.host_index());
    link.release();
  }
  parts_.group->release();
  committed_ = true;
  return std::move(parts_);
}

void Attempt::undo() noexcept {
  const auto step = [&](const auto& work) {
    try {
      work();
    } catch (const std::exception& error) {
      base::log::warning("domain '{}': undoing a failed start: {}", parts_.name, error.what());
    }
  };
  parts_.control = {};  // a supervisor that has not failed itself undoes its start on hang-up
  step([&] {
    if (!supervisor()) return;
    if (!parts_.supervisor.wait_exit(static_cast<int>(kEndLimit.count()))) {
      parts_.supervisor.signal(SIGKILL);
      parts_.supervisor.wait_exit(static_cast<int>(kEndLimit.count()));
    }
    parts_.supervisor.reap();
  });
  step([&] {
    if (!parts_.group || parts_.group->remove(milliseconds(0))) return;
    parts_.group->kill();
    if (!parts_.group->remove(kEndLimit))
      base::log::warning("domain '{}': cgroup '{}' stays behind", parts_.name, parts_.group->path());
  });
  if (listening_) ::unlink((parts_.run_directory + "/" + parts_.socket_name).c_str());
}

DomainDefinition live_definition(DomainDefinition live, const LauncherConfig& config,
                                 const std::vector<LinkPlan>& links, const RunningFacts& facts) {
  if (live.partition.empty()) live.partition = config.default_partition;
  for (std::size_t i = 0; i < live.interfaces.size(); ++i) {
    live.interfaces[i].target_dev = facts.host_links.at(i);
    live.interfaces[i].guest_dev_actual = links[i].guest_name();
  }
  for (std::size_t i = 0; i < live.consoles.size(); ++i) {
    if (i < facts.console_paths.size()) live.consoles[i].path = facts.console_paths[i];
    live.consoles[i].alias = "console" + std::to_string(i);
  }
  return live;
}

/// The supervisor of `facts`, if the process with that number is still it.
base::PidFd find_supervisor(const RunningFacts& facts) {
  if (facts.supervisor_pid <= 0) return {};
  auto process = base::PidFd::open(facts.supervisor_pid);
  if (!process || process->wait_exit(0)) return {};
  if (base::process_start_time(facts.supervisor_pid) != facts.supervisor_start_time) return {};
  return std::move(*process);
}

}  // namespace

struct Launcher::Impl {
  Impl(base::EventLoop& event_loop, LauncherConfig given) : loop(event_loop), config(std::move(given)) {}

  base::EventLoop& loop;
  LauncherConfig config;
  HostFacts host = read_host_facts();
  std::shared_ptr<LinkNames> names = std::make_shared<LinkNames>();
  std::shared_ptr<RootTargets> targets = std::make_shared<RootTargets>();
  std::mutex mutex;
  base::Fd empty_root = {};
  ScopeKeepers scopes{loop, config.supervisor_path};

  /// -1 when the container cannot be set up on an empty root: a user namespace gets proc only while the host's is in
  /// sight, and overlayfs is told its layers by /proc/self/fd.
  int empty_root_for(const ContainerPlan& plan) {
    if ((plan.namespaces & CLONE_NEWUSER) != 0 || plan.root_overlay) return -1;
    const std::scoped_lock lock(mutex);
    if (!empty_root) empty_root = make_empty_root();
    return empty_root.get();
  }
  HostFacts facts_for(const DomainDefinition& definition) const {
    HostFacts facts = host;
    facts.sources = read_source_facts(definition);
    facts.lxcfs_files = read_lxcfs_files();
    return facts;
  }
  CgroupPlace place_of(const DomainDefinition& definition) const {
    const auto tree = host.systemd && config.cgroup_root.empty() ? CgroupTree::Systemd : CgroupTree::Ours;
    auto place = plan_cgroup(definition, config.default_partition, tree);
    place.partition.insert(0, config.cgroup_root);
    return place;
  }
  std::unique_ptr<Running> make_running(ContainerParts parts) {
    return std::make_unique<SupervisedContainer>(loop, names, std::move(parts));
  }
  bool find_again(const DomainDefinition& live, ContainerParts& parts);
  void remove_leftovers(const DomainDefinition& live, ContainerParts& parts);
};

Launcher::Launcher(base::EventLoop& loop, LauncherConfig config)
    : impl_(std::make_unique<Impl>(loop, std::move(config))) {
  if (!impl_->host.fuse)
    base::log::warning(
        "/dev/fuse cannot be opened: without lxcfs, containers see the host's /proc/meminfo, swaps and cpuinfo");
}
Launcher::~Launcher() = default;

Launched Launcher::launch(const DomainDefinition& definition, const LinksMade& links_made) {
  const Deadline deadline = Clock::now() + kStartLimit;
  const auto& config = impl_->config;
  const auto live = with_root(definition, config.unsafe);
  auto plan = plan_container(live, impl_->facts_for(live), config.unsafe);
  const auto links = plan_links(live);
  const auto place = impl_->place_of(live);
  plan_view_cgroups(plan, impl_->host.cgroups, place);
  const auto limits = plan_limits(live, read_limit_facts(live));
  require_parents(links);
  const auto shared = open_shared_namespaces(live, config.namespaces_of);

  Attempt attempt(config, live);
  attempt.use_image(*impl_->targets, plan.root_source);
  const base::Fd log = open_log(config, plan);
  attempt.use_scope(impl_->scopes, place);
  attempt.begin_group(impl_->host.cgroups, place);
  attempt.start_supervisor(config, plan, log, impl_->empty_root_for(plan), shared);
  attempt.complete_group(plan, limits);  // beside the supervisor's own preparations
  log_plan(config, plan, log);           // beside the making of the namespaces
  const auto ready = attempt.await_ready(links, *impl_->names, links_made, deadline);
  attempt.pin_supervisor(domain_xml::emulator_pin(live.cpu_tune));
  auto parts = attempt.commit(ready);
  auto running_definition = live_definition(live, config, links, parts.facts);
  return {impl_->make_running(std::move(parts)), std::move(running_definition)};
}

/// Fills `parts` from a supervisor that still answers.
bool Launcher::Impl::find_again(const DomainDefinition& live, ContainerParts& parts) {
  parts.supervisor = find_supervisor(parts.facts);
  if (!parts.supervisor || !parts.group) return false;
  parts.control = ControlSocket(connect_to(parts.run_directory, parts.socket_name));
  if (!parts.control || !parts.control.send(Type::Query)) return false;
  const Deadline deadline = Clock::now() + kAdoptLimit;
  while (true) {
    auto message = parts.control.receive(deadline);
    if (message.kind != ControlMessage::Kind::Packet) return false;
    if (message.type != Type::Status && message.type != Type::Exited) continue;
    take_status(parts, message.status);
    if (message.status.exited)
      parts.exit = exit_record(message.status.wait_status);
    else if (!message.fds.empty())
      parts.init = base::PidFd(message.status.init_pid, std::move(message.fds[0]));
    else
      return false;
    break;
  }
  if (const auto* root = find_root(live)) parts.root = targets->enter(root->source);
  netlink::Socket host_socket;
  for (const auto& name : parts.facts.host_links)
    if (const auto index = netlink::find_link(host_socket, name)) parts.links.emplace_back(name, *index);
  return true;
}

/// Ends and removes what a lost supervisor has left. A link is only known to be ours while its container's processes
/// live.
void Launcher::Impl::remove_leftovers(const DomainDefinition& live, ContainerParts& parts) {
  base::log::warning("domain '{}': its supervisor {} is gone, removing what is left", live.name,
                     parts.facts.supervisor_pid);
  if (parts.supervisor) {
    parts.supervisor.signal(SIGKILL);
    parts.supervisor.wait_exit(static_cast<int>(kEndLimit.count()));
    parts.supervisor.reap();
  }
  if (parts.group && !parts.group->processes().empty()) {
    netlink::Socket host_socket;
    for (const auto& name : parts.facts.host_links)
      if (const auto index = netlink::find_link(host_socket, name)) names->retire(name, *index);
    parts.group->kill();
  }
  if (parts.group && !parts.group->remove(kEndLimit))
    base::log::warning("domain '{}': cgroup '{}' stays behind", live.name, parts.group->path());
  undo_links({parts.run_directory, parts.name});
  ::unlink((parts.run_directory + "/" + parts.socket_name).c_str());
}

std::unique_ptr<Running> Launcher::adopt(const DomainDefinition& live, const RunningFacts& facts) {
  ContainerParts parts;
  parts.name = live.name;
  parts.facts = facts;
  parts.run_directory = impl_->config.run_directory;
  parts.socket_name = socket_name(live);
  parts.log_path = log_path(impl_->config, live.name);
  parts.adopted = true;
  if (facts.cgroup_leaf.empty()) {  // its start was interrupted before anything was known of it
    const CgroupPlace place = impl_->place_of(live);
    parts.facts.cgroup_partition = place.partition;
    parts.facts.cgroup_leaf = place.leaf;
  }
  parts.group = cgroup::Group::open(impl_->host.cgroups, parts.facts.cgroup_partition, parts.facts.cgroup_leaf);
  if (impl_->find_again(live, parts)) return impl_->make_running(std::move(parts));
  impl_->remove_leftovers(live, parts);
  return nullptr;
}

}  // namespace container
