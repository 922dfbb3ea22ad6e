#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "container/affinity.hpp"
#include "container/container_links.hpp"
#include "container/device_nodes.hpp"
#include "container/initctl.hpp"
#include "container/live_links.hpp"
#include "container/live_mounts.hpp"
#include "container/loop_disk.hpp"
#include "container/oom_watch.hpp"
#include "container/ovs_port.hpp"
#include "container/plan_container.hpp"
#include "container/shared_namespaces.hpp"
#include "container/supervised_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{200};    // longer than any killed container of normal size takes
constexpr milliseconds kKillLimit{8000};  // then it counts as stuck in the kernel
constexpr milliseconds kReleaseLimit{2000};
constexpr milliseconds kRemoveLimit{50}, kRemoveAfterKillLimit{2000};
constexpr milliseconds kWatchAgain{100};
constexpr unsigned kCrowd = 10;  // percent of the descriptors in use: from here on each container does with fewer

template <typename Call>
void logged(const std::string& name, const char* what, Call&& call) noexcept {
  try {
    call();
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': {} failed: {}", name, what, error.message());
  } catch (const std::exception& error) {
    base::log::warning("domain '{}': {} failed: {}", name, what, error.what());
  }
}

/// A container may have frozen processes of its own in v1 groups below its payload's, which thawing the payload leaves
/// alone.
void thaw_below(const cgroup::Group& group) {
  const auto directories = group.payload_directories();
  const auto mounts = group.mounts();
  for (std::size_t i = 0; i < directories.size(); ++i) {
    const auto& mount = mounts.at(i);
    const auto& names = mount.controllers;
    if (mount.version != 1 || std::find(names.begin(), names.end(), "freezer") == names.end()) continue;
    std::ofstream(std::filesystem::path(directories[i]) / "freezer.state") << "THAWED";
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at(directories[i], error), end; !error && at != end;
         at.increment(error))
      if (at->is_directory(error)) std::ofstream(at->path() / "freezer.state") << "THAWED";
  }
}

/// What an earlier daemon has seen it has told, but for an end that nobody saw.
std::shared_ptr<OomReport> report_for(const ContainerParts& parts) {
  const auto source = parts.group ? parts.group->oom_source() : std::nullopt;
  if (!source) return nullptr;
  const bool told = parts.adopted && !parts.exit;
  return std::make_shared<OomReport>(parts.name, parts.log_path, *source,
                                     told ? cgroup::count_oom_kills(*source).value_or(0) : 0);
}

std::string link_target(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::read_symlink(path, ignored).string();
}

/// The last part of a process's first argument; "" when it has ended.
std::string started_as(const std::string& process) {
  std::ifstream file(process + "/cmdline");
  std::string word;
  std::getline(file, word, '\0');
  return std::filesystem::path(word).filename();
}

std::vector<GivenDevice> without(std::vector<GivenDevice> devices, const std::vector<GivenDevice>& others) {
  std::erase_if(devices, [&](const GivenDevice& device) { return std::ranges::count(others, device) != 0; });
  return devices;
}

/// The container's root.
HostRoot root_on_host(const domain_xml::DomainDefinition& definition) {
  const auto map = with_id_map(definition).idmap;
  return {to_host_id(map.uids, 0).value_or(0), to_host_id(map.gids, 0).value_or(0)};
}

}  // namespace

ExitRecord exit_record(int wait_status) {
  ExitCause cause = ExitCause::Exited;
  // The kernel lets no other signal end the init of a pid namespace than SIGKILL and these two, from reboot(2).
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGHUP) cause = ExitCause::Reboot;
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGINT) cause = ExitCause::PowerOff;
  return {cause, wait_status};
}

struct SupervisedContainer::Shared {
  Shared(base::EventLoop& event_loop, ContainerParts container) : loop(event_loop), parts(std::move(container)) {}

  /// Takes what the supervisor has sent. Both the loop and a worker in a hurry do this; `mutex` is held.
  void pump() {
    const bool over = parts.supervisor.wait_exit(0);  // asked first: what it said before it ended is there by now
    while (!hung_up) {
      const auto message = parts.control.receive_now();
      if (message.kind == ControlMessage::Kind::Nothing) break;
      if (message.kind == ControlMessage::Kind::HangUp)
        hung_up = true;  // alone no end: a newer daemon may have taken over
      if (message.kind == ControlMessage::Kind::Packet && message.type == protocol::Type::Exited && !parts.exit)
        end_with(exit_record(message.status.wait_status));
    }
    if (over && !parts.exit) lose_supervisor();
    deliver();
  }

  /// On the loop.
  void on_event() {
    const std::scoped_lock lock(mutex);
    pump();
    if (hung_up) control_watch = {};
    if (parts.exit) supervisor_watch = {};
    if (parts.exit) oom_watch.reset();
  }

  void lose_supervisor() {
    base::log::warning("domain '{}': supervisor {} ended unexpectedly, its container is killed", parts.name,
                       parts.facts.supervisor_pid);
    logged(parts.name, "killing it", [&] {
      if (parts.init) parts.init.signal(SIGKILL);
      if (parts.group) parts.group->kill();
    });
    end_with({ExitCause::SupervisorLost, 0});
  }

  void end_with(ExitRecord record) {
    parts.exit = record;
    const std::uint64_t one = 1;
    base::write_all(parts.ended.get(), &one, sizeof one, "eventfd");
  }

  /// SIGKILL is also what an administrator sends; only the kernel counts those it has sent itself.
  void find_cause() {
    if (!oom || parts.exit->cause != ExitCause::Exited || !WIFSIGNALED(parts.exit->wait_status)) return;
    if (WTERMSIG(parts.exit->wait_status) == SIGKILL && oom->tell_at_end()) parts.exit->cause = ExitCause::OutOfMemory;
  }

  void deliver() {
    if (!parts.exit || !call) return;
    find_cause();
    loop.post([report = std::exchange(call, nullptr), record = *parts.exit] { report(record); });
  }

  base::EventLoop& loop;
  std::mutex mutex;  // of `parts.control`, `parts.exit`, `call` and `hung_up`
  ContainerParts parts;
  std::function<void(ExitRecord)> call;
  bool hung_up = false;
  bool cleaned = false;
  std::shared_ptr<OomReport> oom;  // none where memory is not controlled
  std::optional<OomWatch> oom_watch;
  base::Watch control_watch, supervisor_watch;  // loop thread only; last, so that they end before what they watch
  base::Watch watch_again;

  /// On the loop. What the kernel refuses is asked for again: without it nobody would hear of the container's end.
  static void watch(const std::shared_ptr<Shared>& shared);
  void unwatch() {
    control_watch = {};
    supervisor_watch = {};
    oom_watch.reset();
    watch_again = {};
  }
};

void SupervisedContainer::Shared::watch(const std::shared_ptr<Shared>& shared) {
  const std::weak_ptr weak(shared);  // it is what holds the watches
  const auto wake = [weak](std::uint32_t) {
    if (const auto alive = weak.lock()) alive->on_event();
  };
  try {
    shared->control_watch = shared->loop.on_fd(shared->parts.control.fd(), EPOLLIN, wake);
    shared->supervisor_watch = shared->loop.on_fd(shared->parts.supervisor.fd(), EPOLLIN, wake);
    if (shared->oom) shared->oom_watch.emplace(shared->loop, shared->oom);
    shared->watch_again = {};
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': {}, trying again", shared->parts.name, error.message());
    shared->unwatch();
    shared->watch_again = shared->loop.after(kWatchAgain, [weak] {
      if (const auto alive = weak.lock()) watch(alive);
    });
  }
}

SupervisedContainer::SupervisedContainer(base::EventLoop& loop, std::shared_ptr<LinkNames> names, ContainerParts parts)
    : loop_(loop), names_(std::move(names)), shared_(std::make_shared<Shared>(loop, std::move(parts))) {
  auto& group = shared_->parts.group;
  if (group && base::percent_in_use(shared_->parts.supervisor.fd()) >= kCrowd) group->spare_descriptors();
  shared_->oom = report_for(shared_->parts);
  loop_.post([shared = shared_] { Shared::watch(shared); });
}

SupervisedContainer::~SupervisedContainer() {
  thaw_all();
  if (shared_->parts.group) shared_->parts.group->release();  // the container outlives this object
  loop_.post([shared = std::move(shared_)] { shared->unwatch(); });
}

pid_t SupervisedContainer::id() const {
  return shared_->parts.facts.supervisor_pid;
}
const RunningFacts& SupervisedContainer::facts() const {
  return shared_->parts.facts;
}

void SupervisedContainer::on_exit(std::function<void(ExitRecord)> call) {
  const std::scoped_lock lock(shared_->mutex);
  shared_->call = std::move(call);
  shared_->deliver();
}

void SupervisedContainer::suspend() {
  const std::shared_lock lock(group_mutex_);
  shared_->parts.group->freeze();
}

void SupervisedContainer::resume() {
  const std::shared_lock lock(group_mutex_);
  shared_->parts.group->thaw();
}

bool SupervisedContainer::suspended() const {
  const std::shared_lock lock(group_mutex_);
  return !shared_->cleaned && shared_->parts.group->frozen();
}

void SupervisedContainer::kill() {
  auto& parts = shared_->parts;
  if (!parts.init) return;
  thaw_all();
  parts.killed = true;
  parts.init.signal(SIGKILL);
  if (suspended()) parts.group->thaw();
  if (parts.init.wait_exit(static_cast<int>(kPatience.count()))) return;
  parts.group->kill(cgroup::Scope::Payload);
  thaw_below(*parts.group);
  if (!parts.init.wait_exit(static_cast<int>(kKillLimit.count())))
    base::fail(Code::OperationFailed, "init process ", parts.init.pid(), " of domain '", parts.name,
               "' refuses to die");
}

void SupervisedContainer::await_exit(Deadline deadline) {
  while (true) {
    bool hung_up = false;
    {
      const std::scoped_lock lock(shared_->mutex);
      shared_->pump();
      if (shared_->parts.exit) return;
      hung_up = shared_->hung_up;
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return;
    pollfd ready[] = {{shared_->parts.ended.get(), POLLIN, 0},
                      {shared_->parts.supervisor.fd(), POLLIN, 0},
                      {hung_up ? -1 : shared_->parts.control.fd(), POLLIN, 0}};
    ::poll(ready, std::size(ready), static_cast<int>(left));
  }
}

void SupervisedContainer::dismiss_supervisor() {
  auto& parts = shared_->parts;
  await_exit(Clock::now() + kReleaseLimit);
  {
    const std::scoped_lock lock(shared_->mutex);
    if (!shared_->hung_up) parts.control.send(protocol::Type::Release);
  }
  if (!parts.supervisor.wait_exit(static_cast<int>(kReleaseLimit.count()))) {
    base::log::warning("domain '{}': supervisor {} does not end, killing it", parts.name, parts.supervisor.pid());
    parts.supervisor.signal(SIGKILL);
    parts.supervisor.wait_exit(static_cast<int>(kReleaseLimit.count()));
  }
  parts.supervisor.reap();  // nothing to do when an earlier daemon started it
}

void SupervisedContainer::remove_group() {
  auto& group = *shared_->parts.group;
  const std::unique_lock lock(group_mutex_);
  shared_->cleaned = true;
  if (group.remove(kRemoveLimit)) return;
  // Whoever entered from outside (lxc-enter-namespace) is no child of init and outlives it.
  group.kill();
  thaw_below(group);
  if (!group.remove(kRemoveAfterKillLimit))
    base::fail(Code::OperationFailed, "cgroup '", group.path(), "' is still in use");
}

void SupervisedContainer::clean_up() noexcept {
  auto& parts = shared_->parts;
  thaw_all();
  logged(parts.name, "letting the supervisor go", [&] { dismiss_supervisor(); });
  logged(parts.name, "removing its cgroup", [&] { remove_group(); });
  logged(parts.name, "removing mount points from its image",
         [&] { parts.root.leave(parts.created + mount_point_list(parts.facts.mount_points)); });
  base::remove_leftover(parts.run_directory + "/" + parts.socket_name);
  undo_links(parts.borrower());
  parts.security->release(parts.uuid);
  parts.audit->write(end_records(parts.name, parts.uuid, parts.facts.supervisor_pid,
                                 end_reason(parts.killed, parts.exit.value_or(ExitRecord{}))));
  logged(parts.name, "removing its links", [&] {
    for (const auto& [link, index] : parts.links) names_->retire(link, index);
  });
  parts.links.clear();
  if (parts.loops) detach_loops_of(base::format_uuid(parts.uuid));
  parts.scope.reset();
}

bool SupervisedContainer::signal_init(int number) {
  return shared_->parts.init && shared_->parts.init.signal(number);
}

bool SupervisedContainer::request_runlevel(char runlevel) {
  return shared_->parts.init && write_runlevel(shared_->parts.init, runlevel);
}

InitKind SupervisedContainer::init_kind() const {
  const auto& init = shared_->parts.init;
  if (!init) return InitKind::Plain;
  const std::string process = "/proc/" + std::to_string(init.pid());
  const auto program = std::filesystem::path(link_target(process + "/exe")).filename();
  InitKind kind = InitKind::Plain;
  if (program == "systemd") kind = InitKind::Systemd;
  // A script that busybox's shell runs is none, whatever the script's name: the shell is what was started.
  if (program == "busybox" && started_as(process) == "init") kind = InitKind::Busybox;
  return init.wait_exit(0) ? InitKind::Plain : kind;
}

void SupervisedContainer::require_running_init() const {
  const auto& parts = shared_->parts;
  if (!parts.init || parts.init.wait_exit(0))
    base::fail(Code::OperationInvalid, "init process of domain '", parts.name, "' has ended");
}

base::Fd SupervisedContainer::open_console(std::size_t index) {
  auto& parts = shared_->parts;
  if (index >= parts.facts.console_paths.size())
    base::fail(Code::InternalError, "domain '", parts.name, "' has no console ", index);
  auto [ours, theirs] = base::socket_pair(SOCK_STREAM);
  const std::scoped_lock lock(shared_->mutex);
  if (!parts.control.send(protocol::Type::OpenConsole, static_cast<std::uint32_t>(index), theirs.get()))
    base::fail(Code::OperationFailed, "supervisor of domain '", parts.name, "' is gone");
  return std::move(ours);
}

std::vector<base::Fd> SupervisedContainer::open_namespaces() const {
  require_running_init();
  const std::string directory = "/proc/" + std::to_string(shared_->parts.init.pid()) + "/ns/";
  std::vector<base::Fd> opened;
  for (const char* name : {"user", "ipc", "uts", "net", "pid", "mnt"}) {
    base::Fd fd(::open((directory + name).c_str(), O_RDONLY | O_CLOEXEC));
    if (fd)
      opened.push_back(std::move(fd));
    else if (errno != ENOENT)
      base::fail_errno(Code::SystemError, "cannot open '", directory, name, "'");
  }
  require_running_init();  // or the number was another's already when the files were opened
  return opened;
}

std::function<void(bool)> SupervisedContainer::audit_interface(const char* reason,
                                                               const domain_xml::Interface& interface) {
  return [&parts = shared_->parts, reason, interface](bool success) {
    parts.audit->write(interface_records(parts.name, parts.uuid, reason, interface, success));
  };
}

/// What `look` finds in init's directory in /proc. On its way out a process has no namespaces and no root any more
/// before it counts as ended: procfs then says ENOENT, ESRCH or EINVAL.
template <typename Look>
auto SupervisedContainer::look_at_init(Look&& look) const {
  require_running_init();
  try {
    auto found = look("/proc/" + std::to_string(shared_->parts.init.pid()));
    require_running_init();  // or the number was another's already
    return found;
  } catch (const base::Error& error) {
    if (error.system_errno() != ENOENT && error.system_errno() != ESRCH && error.system_errno() != EINVAL) throw;
    base::fail(Code::OperationInvalid, "init process of domain '", shared_->parts.name, "' is ending");
  }
}

base::Fd SupervisedContainer::open_namespace(const char* name) const {
  return look_at_init([&](const std::string& init) { return base::open_file(init + "/ns/" + name, O_RDONLY); });
}

domain_xml::Interface SupervisedContainer::attach_interface(const domain_xml::Interface& interface) {
  return audited([&] { return make_interface(interface); }, audit_interface("attach", interface));
}

domain_xml::Interface SupervisedContainer::make_interface(const domain_xml::Interface& interface) {
  auto& parts = shared_->parts;
  const base::Fd network = open_namespace("net");
  LiveLink made = attach_link(interface, *names_, network.get(), parts.borrower());
  if (made.link.host_index() != 0) {
    parts.links.emplace_back(made.link.host_name(), made.link.host_index());
    parts.facts.host_links.push_back(made.link.host_name());
  }
  made.link.release();
  return std::move(made.live);
}

void SupervisedContainer::detach_interface(const domain_xml::Interface& live) {
  audited([&] { remove_interface(live); }, audit_interface("detach", live));
}

void SupervisedContainer::remove_interface(const domain_xml::Interface& live) {
  auto& parts = shared_->parts;
  if (live.target_dev.empty()) return remove_link_inside(live, open_namespace("net").get(), parts.borrower());
  if (live.virtual_port && live.virtual_port->type == "openvswitch") remove_ovs_port(live.target_dev);
  // A name may have belonged to an earlier link, too, which has gone.
  netlink::Socket host;
  const auto index = netlink::find_link(host, live.target_dev);
  if (index && std::ranges::count(parts.links, std::pair(live.target_dev, *index)) > 0)
    netlink::delete_link(host, *index);
  std::erase_if(parts.links, [&](const auto& link) { return link.first == live.target_dev; });
  std::erase(parts.facts.host_links, live.target_dev);
}

void SupervisedContainer::update_interface(const domain_xml::Interface& before, const domain_xml::Interface& after) {
  change_link(before, after, open_namespace("net").get(), shared_->parts.borrower());
}

std::optional<Traffic> SupervisedContainer::traffic_inside(const domain_xml::Interface& live) const {
  return read_traffic_inside(live, open_namespace("net").get());
}

std::vector<GuestLink> SupervisedContainer::guest_links() const {
  return read_guest_links(open_namespace("net").get());
}

std::string SupervisedContainer::hostname() const {
  return read_hostname(open_namespace("uts").get());
}

GuestPlace SupervisedContainer::guest_place() const {
  GuestPlace place{{}, open_namespace("user")};
  if (is_own_namespace(place.user_namespace.get(), "user")) place.user_namespace.reset();
  place.root =
      look_at_init([](const std::string& init) { return base::open_file(init + "/root", O_PATH | O_DIRECTORY); });
  return place;
}

GuestFiles SupervisedContainer::guest_files() const {
  return read_guest_files(guest_place());
}

std::vector<GuestMount> SupervisedContainer::file_systems() const {
  return file_systems_of(
      parse_mountinfo(look_at_init([](const std::string& init) { return base::read_file(init + "/mountinfo"); })));
}

std::vector<GuestMount> SupervisedContainer::measured_file_systems() const {
  auto mounts = file_systems();
  measure_file_systems(guest_place(), mounts);
  return mounts;
}

std::vector<OwnFileSystem> SupervisedContainer::own_file_systems(const std::vector<std::string>& paths) const {
  const auto own = choose_own(file_systems(), parse_mountinfo(base::read_file("/proc/self/mountinfo")), paths);
  if (own.empty())
    base::fail(Code::OperationUnsupported, "domain '", shared_->parts.name,
               "' has no file system of its own, its directories are the host's");
  return open_file_systems(guest_place().root.get(), own);
}

unsigned SupervisedContainer::freeze_file_systems(const std::vector<std::string>& paths) {
  const std::scoped_lock lock(frozen_mutex_);
  auto frozen = freeze(own_file_systems(paths));
  const auto count = static_cast<unsigned>(frozen.size());
  std::ranges::move(frozen, std::back_inserter(frozen_));
  return count;
}

unsigned SupervisedContainer::thaw_file_systems(const std::vector<std::string>& paths) {
  const std::scoped_lock lock(frozen_mutex_);
  const auto thawed = thaw(own_file_systems(paths));
  std::erase_if(frozen_, [&](const auto& one) { return paths.empty() || std::ranges::count(paths, one.mount_point); });
  return thawed;
}

void SupervisedContainer::trim_file_systems(const std::vector<std::string>& paths, std::uint64_t minimum) {
  trim(own_file_systems(paths), minimum);
}

/// A process that writes to a frozen file system cannot be killed, and the kernel keeps one that nobody thaws for ever.
void SupervisedContainer::thaw_all() noexcept {
  const std::scoped_lock lock(frozen_mutex_);
  if (!frozen_.empty())
    base::log::warning("domain '{}': {} of its file systems were frozen and are thawed now", shared_->parts.name,
                       frozen_.size());
  thaw(frozen_);
  frozen_.clear();
}

void SupervisedContainer::set_password(const std::string& user, const std::string& hash) {
  set_guest_password(guest_place(), user, hash);
}

cgroup::Usage SupervisedContainer::usage(cgroup::Ask asked, cgroup::Keep keep) const {
  const std::shared_lock lock(group_mutex_, std::try_to_lock);  // held for long only while the group is removed
  if (!lock || shared_->cleaned) base::fail(Code::OperationInvalid, "domain '", shared_->parts.name, "' has ended");
  return shared_->parts.group->usage(asked, keep);
}

void SupervisedContainer::close_kept_files() const {
  const std::shared_lock lock(group_mutex_, std::try_to_lock);
  if (lock) shared_->parts.group->close_kept_files();
}

void SupervisedContainer::require_group() const {
  if (shared_->cleaned) base::fail(Code::OperationInvalid, "domain '", shared_->parts.name, "' has ended");
}

void SupervisedContainer::change_limits(const domain_xml::DomainDefinition& before,
                                        const domain_xml::DomainDefinition& after) {
  audited([&] { enforce_limits(before, after); },
          [&](bool success) { shared_->parts.audit->write(change_records(before, after, success)); });
}

void SupervisedContainer::enforce_limits(const domain_xml::DomainDefinition& before,
                                         const domain_xml::DomainDefinition& after) {
  const std::shared_lock lock(group_mutex_);
  require_group();
  LimitFacts facts = read_limit_facts(after), old = read_limit_facts(before);
  facts.devices.merge(old.devices);
  if (facts.online_cpus.empty()) facts.online_cpus = std::move(old.online_cpus);
  const cgroup::Limits change = plan_limit_change(before, after, facts);
  if (change != cgroup::Limits()) shared_->parts.group->update(change);
  const std::string pin = domain_xml::emulator_pin(after.cpu_tune);
  if (pin != domain_xml::emulator_pin(before.cpu_tune)) set_affinity(id(), pin);
}

void SupervisedContainer::change_devices(const domain_xml::DomainDefinition& before,
                                         const domain_xml::DomainDefinition& after) {
  require_running_init();
  audited([&] { exchange_devices(before, after); },
          [&](bool success) { shared_->parts.audit->write(device_records(before, after, success)); });
}

void SupervisedContainer::exchange_devices(const domain_xml::DomainDefinition& before,
                                           const domain_xml::DomainDefinition& after) {
  auto& parts = shared_->parts;
  const auto had = given_devices(before), has = given_devices(after);
  const auto added = without(has, had), removed = without(had, has);
  auto loops = attach_loops(added);
  std::vector<DeviceNode> made;
  const auto facts = read_device_facts(added);
  for (const auto& device : added) made.push_back(plan_node(device, facts));
  change_limits(before, after);
  const auto [owner, group] = root_on_host(after);
  auto node = made.begin();
  try {
    for (; node != made.end(); ++node) make_node_inside(parts.init, *node, owner, group);
  } catch (...) {
    while (node != made.begin()) remove_node_inside(parts.init, *--node);
    change_limits(after, before);
    throw;
  }
  parts.loops = parts.loops || !loops.empty();
  for (auto& loop : loops) loop.release();
  const auto old = read_device_facts(removed);
  for (const auto& device : removed) {
    if (old.at(device.source).error == 0) remove_node_inside(parts.init, plan_node(device, old));
    if (device.kind == GivenDevice::Kind::Loop) detach_loop(device.source);
  }
}

void SupervisedContainer::change_filesystems(const domain_xml::DomainDefinition& before,
                                             const domain_xml::DomainDefinition& after,
                                             const std::function<void()>& prepared) {
  require_running_init();
  auto& parts = shared_->parts;
  HostFacts facts;
  facts.sources = read_source_facts(after);
  auto& points = parts.facts.mount_points;
  const MountChange change = plan_mount_change(before, after, facts);
  std::vector<int> processes;
  {
    const std::shared_lock lock(group_mutex_);
    require_group();
    if (!change.removed.empty()) processes = parts.group->processes(cgroup::Scope::Payload);
  }
  const auto earlier = points;
  for (const auto& step : change.added)
    if (step.create != CreateTarget::No) std::ranges::copy(parts.root.missing(step.target), std::back_inserter(points));
  try {
    if (!change.added.empty()) prepared();
    const auto made = audited([&] { return change_mounts(parts.init, change, root_on_host(after), processes); },
                              [&](bool success) { parts.audit->write(filesystem_records(before, after, success)); });
    points = earlier;
    points.insert(points.end(), made.begin(), made.end());
  } catch (...) {
    std::erase_if(points, [&](const std::string& point) { return !parts.root.has(point); });
    throw;
  }
  std::vector<std::string> idle;
  std::ranges::remove_copy_if(points, std::back_inserter(idle), [&](const std::string& point) {
    return std::ranges::any_of(after.filesystems, [&](const auto& filesystem) {
      return filesystem.target == point || filesystem.target.starts_with(point + "/");
    });
  });
  if (parts.root.remove(mount_point_list(idle)))
    std::erase_if(points, [&](const std::string& point) {
      return std::ranges::count(idle, point) != 0 && !parts.root.has(point);  // else the end of the run removes it
    });
}

cgroup::Limits SupervisedContainer::limits() const {
  const std::shared_lock lock(group_mutex_);
  require_group();
  return shared_->parts.group->limits();
}

std::string SupervisedContainer::supervisor_cpus() const {
  return affinity(id());
}

void show_consoles(domain_xml::DomainDefinition& live, const RunningFacts& facts) {
  for (std::size_t i = 0; i < std::min(live.consoles.size(), facts.console_paths.size()); ++i)
    live.consoles[i].path = facts.console_paths[i];
}

}  // namespace container
