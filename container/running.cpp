#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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
#include "container/initctl.hpp"
#include "container/live_links.hpp"
#include "container/live_mounts.hpp"
#include "container/loop_disk.hpp"
#include "container/oom_watch.hpp"
#include "container/running_shared.hpp"
#include "container/shared_namespaces.hpp"

namespace container {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{200};    // longer than any killed container of normal size takes
constexpr milliseconds kKillLimit{8000};  // then it counts as stuck in the kernel
constexpr milliseconds kReleaseLimit{2000};
constexpr milliseconds kRemoveLimit{50}, kRemoveAfterKillLimit{2000};
constexpr unsigned kCrowd = 10;  // percent of the descriptors in use: from here on each container does with fewer

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

}  // namespace

ExitRecord exit_record(int wait_status) {
  ExitCause cause = ExitCause::Exited;
  // The kernel lets no other signal end the init of a pid namespace than SIGKILL and these two, from reboot(2).
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGHUP) cause = ExitCause::Reboot;
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGINT) cause = ExitCause::PowerOff;
  return {cause, wait_status};
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
