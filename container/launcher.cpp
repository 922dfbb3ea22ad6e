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
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/affinity.hpp"
#include "container/channel.hpp"
#include "container/container_links.hpp"
#include "container/container_log.hpp"
#include "container/control_socket.hpp"
#include "container/empty_root.hpp"
#include "container/fork_server.hpp"
#include "container/image_mount.hpp"
#include "container/loop_disk.hpp"
#include "container/plan_codec.hpp"
#include "container/plan_container.hpp"
#include "container/scope_keeper.hpp"
#include "container/supervised_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/device.hpp"
#include "domain-xml/perf_events.hpp"
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
constexpr std::chrono::milliseconds kAskAgain{20};
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

base::Fd open_log(const LauncherConfig& config, const std::string& name) {
  const std::string path = log_path(config, name);
  base::Fd log = base::open_file(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
  const std::string text = log_timestamp() + ": starting up\n" + config.supervisor_path + " " + name + "\n";
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
  if (plan.root_uid == 0 && plan.root_gid == 0) return;
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
  Attempt(ForkServer& forks, const LauncherConfig& config, const DomainDefinition& definition,
          std::shared_ptr<Security> security, std::shared_ptr<Audit> audit)
      : forks_(forks) {
    if (!parts_.ended) base::fail_errno(Code::SystemError, "cannot make an eventfd");
    parts_.uuid = definition.uuid;
    parts_.security = std::move(security);
    parts_.audit = std::move(audit);
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
  void complete_group(const ContainerPlan& plan, const cgroup::Limits& limits) {
    parts_.group->complete(limits);
    give_payload(*parts_.group, plan);
    if (loading_.valid()) loading_.get();  // init goes on from here
    if (!parts_.control.send_attach(parts_.group->supervisor_tasks(), parts_.group->payload_tasks()))
      fail_for_hang_up();
  }
  /// `empty_root`: -1 when who makes the mounts has to see the host's.
  void instruct_supervisor(const ContainerPlan& plan, const base::Fd& log, int empty_root,
                           const std::vector<base::Fd>& shared_namespaces, const std::vector<base::Fd>& images,
                           const std::vector<base::Fd>& given);
  /// The network namespace has come with `message`. The names of the links' ends on the host.
  const std::vector<std::string>& make_network(const std::vector<LinkPlan>& plans, LinkNames& names,
                                               ControlMessage& message);
  void say_network_is_done() {
    if (!parts_.control.send(Type::NetworkDone)) fail_for_hang_up();
  }
  /// What is known before init runs.
  const RunningFacts& facts();
  protocol::StatusMessage await_ready(const std::function<void(ControlMessage&)>& on_network);
  /// Once init runs, which would inherit it.
  void pin_supervisor(const std::string& cpus) {
    if (!cpus.empty()) set_affinity(supervisor().pid(), cpus);
  }
  ContainerParts commit(const protocol::StatusMessage& ready);

 private:
  void undo() noexcept;
  /// Throws why there is none. The first to ask hears the first that it says.
  base::PidFd& supervisor() {
    if (std::exchange(forking_, false)) parts_.supervisor = forks_.await_forked(parts_.control, deadline_);
    return parts_.supervisor;
  }
  /// `error`: as in ControlMessage.
  [[noreturn]] void fail_for_hang_up(int error = 0);

  ForkServer& forks_;
  const Deadline deadline_ = Clock::now() + kStartLimit;
  ContainerParts parts_;
  std::vector<ContainerLink> links_;
  std::future<void> loading_;
  bool forking_ = false, listening_ = false, committed_ = false;
};

void Attempt::fork_supervisor() {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  parts_.control = ControlSocket(std::move(ours));
  const base::Fd birthplace = parts_.group->supervisor_directory();
  forks_.fork(theirs, birthplace.get());
  forking_ = true;
}

void Attempt::instruct_supervisor(const ContainerPlan& plan, const base::Fd& log, int empty_root,
                                  const std::vector<base::Fd>& shared_namespaces, const std::vector<base::Fd>& images,
                                  const std::vector<base::Fd>& given) {
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
                                  .tasks = parts_.group->supervisor_tasks(),
                                  .images = images,
                                  .given = given}))
    fail_for_hang_up();
}

void Attempt::fail_for_hang_up(int error) {
  if (error != 0)
    base::fail_errno_value(error, Code::SystemError, "guest failed to start: cannot hear from its supervisor");
  supervisor();
  // Where sending found it gone, what it said last is still to be read.
  while (true) {
    const auto message = parts_.control.receive_now();
    if (message.kind != ControlMessage::Kind::Packet) break;
    if (message.type == Type::Failed) throw start_failure(message.failed);
  }
  supervisor().wait_exit(static_cast<int>(kEndLimit.count()));
  std::string how = "without saying why";
  if (const auto status = supervisor().reap()) {
    if (WIFSIGNALED(*status)) how = "by signal " + std::to_string(WTERMSIG(*status));
    if (WIFEXITED(*status)) how = "with status " + std::to_string(WEXITSTATUS(*status));
    // One that could not even say why it gave up ends with the errno of that.
    if (WIFEXITED(*status) && protocol::is_told_errno(WEXITSTATUS(*status)))
      base::fail_errno_value(WEXITSTATUS(*status), Code::SystemError,
                             "guest failed to start: supervisor ended and could not say what failed");
  }
  base::fail(Code::InternalError, "guest failed to start: supervisor ended ", how);
}

const std::vector<std::string>& Attempt::make_network(const std::vector<LinkPlan>& plans, LinkNames& names,
                                                      ControlMessage& message) {
  if (message.fds.size() < 2) base::fail(Code::InternalError, "guest failed to start: no network namespace was sent");
  links_ =
      make_links(plans, names, message.fds[1].get(), netlink::Socket(std::move(message.fds[0])), parts_.borrower());
  for (const auto& link : links_) parts_.facts.host_links.push_back(link.host_name());
  return parts_.facts.host_links;
}

const RunningFacts& Attempt::facts() {
  parts_.facts.supervisor_pid = supervisor().pid();
  parts_.facts.supervisor_start_time = base::process_start_time(parts_.facts.supervisor_pid);
  return parts_.facts;
}

protocol::StatusMessage Attempt::await_ready(const std::function<void(ControlMessage&)>& on_network) {
  supervisor();
  while (true) {
    auto message = parts_.control.receive(deadline_);
    if (message.kind == ControlMessage::Kind::Nothing)
      base::fail(Code::OperationTimeout, "domain '", parts_.name, "' did not start within ", kStartLimit.count(), " s");
    if (message.kind == ControlMessage::Kind::HangUp) fail_for_hang_up(message.error);
    switch (message.type) {
      case Type::NetworkReady:
        on_network(message);
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

/// What the supervisor answers to a Query on a new connection; HangUp when it has closed that.
ControlMessage ask_status(ControlSocket& control, pid_t supervisor, Deadline deadline) {
  ControlMessage message;
  message.kind = ControlMessage::Kind::HangUp;
  if (!control.send(Type::Query)) return message;
  do {
    message = control.receive(deadline);
    if (message.error != 0)  // not its fault, and no reason to end its container
      base::fail_errno_value(message.error, Code::SystemError, "cannot hear from supervisor ", supervisor);
  } while (message.kind == ControlMessage::Kind::Packet && message.type != Type::Status &&
           message.type != Type::Exited);
  return message;
}

/// What a supervisor says about its container, for both a fresh one and one found again.
void take_status(ContainerParts& parts, const protocol::StatusMessage& status) {
  parts.facts.init_pid = status.init_pid;
  parts.facts.console_paths.assign(status.console_paths, status.console_paths + status.consoles);
  parts.created.assign(status.created, status.created_size);
}

ContainerParts Attempt::commit(const protocol::StatusMessage& ready) {
  take_status(parts_, ready);
  for (auto& link : links_) {
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
  step([&] { supervisor(); });
  parts_.control = {};  // a supervisor that has not failed itself undoes its start on hang-up
  step([&] {
    if (!parts_.supervisor) return;
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
  if (listening_) base::remove_leftover(parts_.run_directory + "/" + parts_.socket_name);
  if (loading_.valid()) loading_.wait();
  parts_.security->release(parts_.uuid);
}

DomainDefinition live_definition(DomainDefinition live, const LauncherConfig& config,
                                 const std::vector<LinkPlan>& links, const RunningFacts& facts,
                                 const LabelPlan& label) {
  show_label(live, label);
  if (live.partition.empty()) live.partition = config.default_partition;
  for (std::size_t i = 0; i < live.interfaces.size(); ++i) {
    live.interfaces[i].target_dev = facts.host_links.at(i);
    live.interfaces[i].guest_dev_actual = links[i].guest_name();
  }
  for (std::size_t i = 0; i < live.consoles.size(); ++i) live.consoles[i].alias = domain_xml::console_alias(i);
  return live;
}

AuditFacts audit_facts(const ContainerParts& parts, const cgroup::Limits& limits) {
  const std::string process = "/proc/" + std::to_string(parts.facts.init_pid);
  struct stat info {};
  ::stat((process + "/ns/pid").c_str(), &info);
  return {parts.facts.supervisor_pid, parts.facts.init_pid, info.st_ino,
          parts.facts.cgroup_partition + "/" + parts.facts.cgroup_leaf,
          limits.devices.value_or(std::vector<cgroup::DeviceRule>())};
}

/// The supervisor of `facts`, if the process with that number is still it.
base::PidFd find_supervisor(const RunningFacts& facts) {
  if (facts.supervisor_pid <= 0) return {};
  auto process = base::PidFd::open(facts.supervisor_pid);
  if (!process || process->wait_exit(0)) return {};
  if (base::process_start_time(facts.supervisor_pid) != facts.supervisor_start_time) return {};
  return std::move(*process);
}

/// An older supervisor's messages are this one's with less at their ends; what a newer one's mean is not known.
void require_known_version(const ControlMessage& message) {
  const auto version = message.status.header.version;
  if (!from_newer_build(message.status.header)) return;
  base::fail(Code::OperationUnsupported, "its supervisor is of a newer lxcell (protocol ", version,
             "): it goes on by itself until a daemon of that version is back");
}

/// The descriptors went with the daemon that had them, and what they had counted.
void count_perf_events_again(const DomainDefinition& live, cgroup::Group& group) {
  const auto names = domain_xml::perf_events(live);
  if (names.empty()) return;
  try {
    group.update({.perf_events = names});
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': {}", live.name, error.message());
  }
}

}  // namespace

struct Launcher::Impl {
  Impl(base::EventLoop& event_loop, LauncherConfig given) : loop(event_loop), config(std::move(given)) {}

  base::EventLoop& loop;
  LauncherConfig config;
  HostFacts host = read_host_facts();
  std::shared_ptr<LinkNames> names = std::make_shared<LinkNames>();
  std::shared_ptr<RootTargets> targets = std::make_shared<RootTargets>();
  std::shared_ptr<Security> security = std::make_shared<Security>(config.security);
  std::shared_ptr<Audit> audit = std::make_shared<Audit>(config.audit);
  std::mutex mutex;
  base::Fd empty_root = {};
  ForkServer forks{config.supervisor_path};
  ScopeKeepers scopes{loop, config.supervisor_path};

  /// -1 when the container cannot be set up on an empty root: overlayfs is told its layers by /proc/self/fd.
  int empty_root_for(const ContainerPlan& plan) {
    const std::scoped_lock lock(mutex);
    if (!empty_root) empty_root = make_empty_root();  // which refuses where no container would be confined
    return plan.root_overlay ? -1 : empty_root.get();
  }
  HostFacts facts_for(const DomainDefinition& definition) const {
    HostFacts facts = host;
    facts.sources = read_source_facts(definition);
    facts.seccomp_file = read_seccomp_file(definition);
    facts.devices = read_device_facts(given_devices(definition));
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
  Launched launch(const DomainDefinition& definition, const StartSteps& steps, const std::vector<base::Fd>& given);
  bool find_again(const DomainDefinition& live, ContainerParts& parts);
  void remove_leftovers(const DomainDefinition& live, ContainerParts& parts);
};

Launcher::Launcher(base::EventLoop& loop, LauncherConfig config)
    : impl_(std::make_unique<Impl>(loop, std::move(config))) {
  if (!impl_->host.user_namespaces && !impl_->config.unsafe.share_host_users)
    base::log::warning(
        "this host has no user namespaces (/proc/sys/user/max_user_namespaces): root in a container without id map is"
        " root of the host, less the capabilities that were dropped");
  if (!impl_->host.fuse)
    base::log::warning(
        "/dev/fuse cannot be opened: without lxcfs, containers see the host's /proc/meminfo, swaps and cpuinfo");
}
Launcher::~Launcher() = default;

Launched Launcher::launch(const DomainDefinition& definition, const StartSteps& steps,
                          const std::vector<base::Fd>& given) {
  try {
    return impl_->launch(definition, steps, given);
  } catch (...) {
    impl_->audit->write(failed_start_records(definition));
    throw;
  }
}

Launched Launcher::Impl::launch(const DomainDefinition& definition, const StartSteps& steps,
                                const std::vector<base::Fd>& given) {
  const auto live = with_root(definition, config.unsafe);
  const auto place = place_of(live);
  // Before the attempt: they go when its supervisor has.
  const base::Fd log = open_log(config, live.name);
  std::vector<LoopDisk> loops;
  Attempt attempt(forks, config, live, security, audit);
  attempt.use_scope(scopes, place);
  attempt.begin_group(host.cgroups, place);
  attempt.fork_supervisor();  // comes up while we think, in vain if we find that the container cannot start

  loops = attach_loops(given_devices(live));
  auto plan = plan_container(live, facts_for(live), config.unsafe);
  const auto links = plan_links(live);
  plan_cgroup_places(plan, host.cgroups, place);
  plan_given_descriptors(plan, given.size());
  const auto limits = plan_limits(live, read_limit_facts(live));
  require_parents(links);
  if (links.empty()) steps.links_made({});
  const auto shared = open_shared_namespaces(live, config.namespaces_of);
  const auto images = mount_images(plan);
  const auto label = security->plan(live);
  plan_security(plan, label);
  attempt.load_label(label);
  if (plan.root_image.empty()) attempt.use_image(*targets, plan.root_source);
  attempt.instruct_supervisor(plan, log, empty_root_for(plan), shared, images, given);
  attempt.complete_group(plan, limits);  // beside the supervisor's own preparations
  log_plan(config, plan, log);           // beside the making of the namespaces
  DomainDefinition running_definition;
  bool audited = false;
  const auto be_prepared = [&] {
    running_definition = live_definition(live, config, links, attempt.facts(), label);
    steps.prepared(attempt.facts(), running_definition);
    audited = audit->wanted();  // the kernel takes its time to answer
  };
  if (links.empty()) be_prepared();
  const auto make_network = [&](ControlMessage& message) {
    steps.links_made(attempt.make_network(links, *names, message));
    attempt.say_network_is_done();
    std::this_thread::yield();  // to the supervisor: whom a socket wakes has to wait for this CPU
    be_prepared();              // beside init's last steps
  };
  const auto ready = attempt.await_ready(make_network);
  attempt.pin_supervisor(domain_xml::emulator_pin(live.cpu_tune));
  auto parts = attempt.commit(ready);
  parts.loops = !loops.empty();
  for (auto& disk : loops) disk.release();
  show_consoles(running_definition, parts.facts);
  if (audited) audit->write(start_records(running_definition, security->model(), audit_facts(parts, limits)));
  return {make_running(std::move(parts)), std::move(running_definition)};
}

/// Fills `parts` from a supervisor that still answers. One that closes the connection has been refused something by the
/// kernel, or is ending: it is asked again for as long as it lives.
bool Launcher::Impl::find_again(const DomainDefinition& live, ContainerParts& parts) {
  parts.supervisor = find_supervisor(parts.facts);
  if (!parts.supervisor || !parts.group) return false;
  const Deadline deadline = Clock::now() + kAdoptLimit;
  ControlMessage message;
  do {
    parts.control = ControlSocket(connect_to(parts.run_directory, parts.socket_name));
    if (!parts.control) return false;
    message = ask_status(parts.control, parts.supervisor.pid(), deadline);
  } while (message.kind == ControlMessage::Kind::HangUp && Clock::now() < deadline &&
           !parts.supervisor.wait_exit(static_cast<int>(kAskAgain.count())));
  if (message.kind != ControlMessage::Kind::Packet) {
    if (parts.supervisor.wait_exit(0)) return false;
    base::fail_errno_value(ETIMEDOUT, Code::SystemError, "cannot hear from supervisor ", parts.supervisor.pid());
  }
  require_known_version(message);
  take_status(parts, message.status);
  if (message.status.exited) {
    parts.exit = exit_record(message.status.wait_status);
  } else {
    if (message.fds.empty())  // which is what the kernel does with one that there is no room for (unix(7))
      base::fail_errno_value(EMFILE, Code::SystemError, "cannot take init's descriptor from supervisor ",
                             parts.supervisor.pid());
    parts.init = base::PidFd(message.status.init_pid, std::move(message.fds[0]));
  }
  const auto* const root = find_root(live);
  if (root && root->type == domain_xml::FilesystemType::Mount) parts.root = targets->enter(root->source);
  // Some may only have been about to be made when the daemon before this one ended.
  std::erase_if(parts.facts.mount_points, [&](const std::string& point) { return !parts.root.has(point); });
  security->adopt(live);
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
  undo_links(parts.borrower());
  detach_loops_of(base::format_uuid(live.uuid));
  security->release(live.uuid);
  if (parts.facts.supervisor_pid > 0)
    audit->write(end_records(live.name, live.uuid, parts.facts.supervisor_pid, "failed"));
  base::remove_leftover(parts.run_directory + "/" + parts.socket_name);
}

std::string Launcher::security_base_label() const {
  return impl_->security->base_label();
}

const std::string& Launcher::security_model() const {
  return impl_->security->model();
}

std::optional<LostState> Launcher::find_lost(const DomainDefinition& definition) const {
  return find_lost_state(impl_->config.run_directory, socket_name(definition), definition, Clock::now() + kAdoptLimit);
}

std::unique_ptr<Running> Launcher::adopt(const DomainDefinition& live, const RunningFacts& facts) {
  ContainerParts parts;
  if (!parts.ended) base::fail_errno(Code::SystemError, "cannot make an eventfd");
  parts.name = live.name;
  parts.uuid = live.uuid;
  parts.facts = facts;
  parts.run_directory = impl_->config.run_directory;
  parts.socket_name = socket_name(live);
  parts.log_path = log_path(impl_->config, live.name);
  parts.adopted = true;
  parts.loops = true;
  parts.security = impl_->security;
  parts.audit = impl_->audit;
  if (facts.cgroup_leaf.empty()) {  // its start was interrupted before anything was known of it
    const CgroupPlace place = impl_->place_of(live);
    parts.facts.cgroup_partition = place.partition;
    parts.facts.cgroup_leaf = place.leaf;
  }
  parts.group = cgroup::Group::open(impl_->host.cgroups, parts.facts.cgroup_partition, parts.facts.cgroup_leaf);
  if (impl_->find_again(live, parts)) {
    count_perf_events_again(live, *parts.group);
    return impl_->make_running(std::move(parts));
  }
  impl_->remove_leftovers(live, parts);
  return nullptr;
}

}  // namespace container
