#include "container/launcher.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/adoption.hpp"
#include "container/attempt.hpp"
#include "container/container_links.hpp"
#include "container/container_log.hpp"
#include "container/control_socket.hpp"
#include "container/empty_root.hpp"
#include "container/fork_server.hpp"
#include "container/image_mount.hpp"
#include "container/loop_disk.hpp"
#include "container/plan_container.hpp"
#include "container/scope_keeper.hpp"
#include "container/supervised_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/device.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::DomainDefinition;

constexpr std::size_t kMaxSocketName = 80;  // "/proc/self/fd/N/" and this fit into sun_path

/// RUN/NAME.sock; a name too long for a socket path is replaced by the uuid.
std::string socket_name(const DomainDefinition& definition) {
  const std::string name = definition.name + ".sock";
  return name.size() <= kMaxSocketName ? name : base::format_uuid(definition.uuid) + ".sock";
}

base::Fd open_log(const LauncherConfig& config, const ContainerParts& parts) {
  base::Fd log = base::open_file(parts.log_path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
  const std::string text = log_timestamp() + ": starting up\n" + config.supervisor_path + " " + parts.name + "\n";
  base::write_all(log.get(), text.data(), text.size(), parts.log_path);
  return log;
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
  /// What is known of a container before anything is made or found.
  ContainerParts parts_of(const DomainDefinition& definition) const {
    ContainerParts parts;
    if (!parts.ended) base::fail_errno(Code::SystemError, "cannot make an eventfd");
    parts.name = definition.name;
    parts.uuid = definition.uuid;
    parts.security = security;
    parts.audit = audit;
    parts.run_directory = config.run_directory;
    parts.socket_name = socket_name(definition);
    parts.log_path = config.log_directory + "/" + definition.name + ".log";
    return parts;
  }
  std::unique_ptr<Running> make_running(ContainerParts parts) {
    return std::make_unique<SupervisedContainer>(loop, names, std::move(parts));
  }
  Launched launch(const DomainDefinition& definition, const StartSteps& steps, const std::vector<base::Fd>& given);
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
  auto known = parts_of(live);
  const base::Fd log = open_log(config, known);
  const std::string log_path = known.log_path;
  std::vector<LoopDisk> loops;
  Attempt attempt(forks, std::move(known));
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
  attempt.complete_group(plan, limits);       // beside the supervisor's own preparations
  const std::string text = print_plan(plan);  // beside the making of the namespaces
  base::write_all(log.get(), text.data(), text.size(), log_path);
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

std::string Launcher::security_base_label() const {
  return impl_->security->base_label();
}

const std::string& Launcher::security_model() const {
  return impl_->security->model();
}

std::optional<LostState> Launcher::find_lost(const DomainDefinition& definition) const {
  return find_lost_state(impl_->config.run_directory, socket_name(definition), definition,
                         std::chrono::steady_clock::now() + kAdoptLimit);
}

std::unique_ptr<Running> Launcher::adopt(const DomainDefinition& live, const RunningFacts& facts) {
  ContainerParts parts = impl_->parts_of(live);
  parts.facts = facts;
  parts.adopted = true;
  parts.loops = true;
  if (facts.cgroup_leaf.empty()) {  // its start was interrupted before anything was known of it
    const CgroupPlace place = impl_->place_of(live);
    parts.facts.cgroup_partition = place.partition;
    parts.facts.cgroup_leaf = place.leaf;
  }
  parts.group = cgroup::Group::open(impl_->host.cgroups, parts.facts.cgroup_partition, parts.facts.cgroup_leaf);
  if (find_again(live, parts, *impl_->targets)) return impl_->make_running(std::move(parts));
  remove_leftovers(live, parts, *impl_->names);
  return nullptr;
}

}  // namespace container
