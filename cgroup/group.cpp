#include "cgroup/group.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/pid_fd.hpp"
#include "cgroup/control_file.hpp"
#include "cgroup/cpuset.hpp"
#include "cgroup/device_policy.hpp"
#include "cgroup/freezer.hpp"
#include "cgroup/part.hpp"
#include "cgroup/per_cpu_time.hpp"
#include "cgroup/perf_events.hpp"
#include "cgroup/subtree_control.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kLongestRetryPause{5000};
constexpr int kMaxKillRounds = 64;

std::string normalize_partition(const std::string& partition) {
  std::string path;
  for (const auto& name : split(partition, "/")) {
    if (name == "." || name == "..") base::fail(Code::InvalidArg, "invalid resource partition '", partition, "'");
    path += "/" + name;
  }
  return path;
}

void require_leaf_name(const std::string& leaf) {
  if (leaf.empty() || leaf == "." || leaf == ".." || leaf.find('/') != leaf.npos)
    base::fail(Code::InvalidArg, "invalid cgroup name '", leaf, "'");
}

void apply_write(const Directory& directory, const ControlWrite& write) {
  int error = directory.try_write(write.file, write.text);
  const bool fall_back = error == ENOENT && !write.fallback_file.empty();
  const std::string& file = fall_back ? write.fallback_file : write.file;
  const std::string& text = fall_back ? write.fallback_text : write.text;
  if (fall_back) error = directory.try_write(file, text);
  if (fall_back && error == ENOENT)
    base::fail(Code::OperationInvalid, "cgroup controller '", write.controller, "' of this host has no file '", file,
               "'");
  if (error)
    base::fail_errno_value(error, Code::SystemError, "cannot write '", text, "' to '", directory.path(), "/", file,
                           "'");
}

/// In the order in which a starting container needs them.
enum class Stage { Birth, Memory, Rest };

Stage stage_of(const Mount& mount) {
  if (mount.version == 2) return Stage::Birth;
  return mount.has("memory") ? Stage::Memory : Stage::Rest;
}

std::size_t count_used(const Hierarchy& hierarchy) {
  return static_cast<std::size_t>(std::ranges::count_if(hierarchy.mounts(), used_by_containers));
}

}  // namespace

struct Group::Impl {
  Hierarchy hierarchy;
  std::string partition, name;
  std::string path;  // both
  std::vector<Part> parts;
  bool owned = false;
  StatReader stat_reader;
  PerfEvents perf_events;

  ~Impl() {
    if (owned) remove(std::chrono::milliseconds(0));
  }

  const Part* v2() const {
    const auto found =
        std::find_if(parts.begin(), parts.end(), [](const Part& part) { return part.mount->version == 2; });
    return found == parts.end() ? nullptr : &*found;
  }

  /// The part whose hierarchy has this controller.
  const Part* find(const std::string& controller) const {
    const Mount* mount = hierarchy.find(controller);
    if (!mount) return nullptr;
    const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return part.mount == mount; });
    return found == parts.end() ? nullptr : &*found;
  }
  const Part& require(const std::string& controller) const {
    const Part* part = find(controller);
    if (!part) base::fail(Code::OperationInvalid, "cgroup controller '", controller, "' is not mounted on this host");
    return *part;
  }

  /// Each write with the part it belongs to: a hybrid host may have controllers of both versions.
  std::vector<std::pair<const Part*, ControlWrite>> writes(const Limits& limits, const Limits& now) const {
    std::vector<std::pair<const Part*, ControlWrite>> found;
    for (const int version : {1, 2})
      for (auto& write : control_writes(limits, version, now)) {
        const Part& part = require(write.controller);
        if (part.mount->version == version) found.emplace_back(&part, std::move(write));
      }
    return found;
  }

  void enable_needed(const std::vector<std::pair<const Part*, ControlWrite>>& writes) const;
  void apply_new(const Limits& limits);
  void apply_change(const Limits& limits, const Limits& now);
  base::Fd v2_leaf(const char* leaf) const;
  std::vector<base::Fd> tasks(const char* leaf) const;
  bool remove(std::chrono::milliseconds limit) noexcept;
  bool remove_now() noexcept;
  void create_parts(Stage stage);
  void remove_left_over() const;
  bool kill_v2(Scope scope) const;
  void kill_one_by_one(Scope scope) const;
  /// Every process is in every hierarchy. Two of them are asked, lest one half way in be missed: v2, where a process
  /// may be born, and the one that can freeze it.
  std::vector<const Part*> parts_with_processes() const;
  std::vector<int> processes(Scope scope) const;
};

void Group::Impl::enable_needed(const std::vector<std::pair<const Part*, ControlWrite>>& writes) const {
  const Part* part = v2();
  if (!part) return;
  std::set<std::string> needed;
  for (const auto& [where, write] : writes)
    if (where == part) needed.insert(v2_name(write.controller));
  enable_controllers(*part->mount, part->directory, path, needed);
}

void Group::Impl::apply_new(const Limits& limits) {
  const auto all = writes(limits, {});
  enable_needed(all);
  for (const auto& [part, write] : all) apply_write(part->directory, write);
  if (limits.perf_events) perf_events.choose(*limits.perf_events, v2_leaf(kPayloadLeaf));
  if (!limits.devices) return;
  const Part& part = require("devices");
  if (part.mount->version == 1)
    start_device_list(part.directory, *limits.devices);
  else
    attach_device_program(part.directory, *limits.devices);
}

void Group::Impl::apply_change(const Limits& limits, const Limits& now) {
  const auto all = writes(limits, now);
  if (!all.empty()) enable_needed(all);
  for (const auto& [part, write] : all) {
    if (part->mount->version == 1 && write.controller == "cpuset")
      change_cpuset(part->directory, write.file, write.text);
    else
      apply_write(part->directory, write);
  }
  if (limits.perf_events) perf_events.choose(*limits.perf_events, v2_leaf(kPayloadLeaf));
  if (!limits.devices) return;
  const Part& part = require("devices");
  if (part.mount->version == 1)
    change_device_list(part.directory, *limits.devices);
  else
    attach_device_program(part.directory, *limits.devices);
}

void Group::Impl::create_parts(Stage stage) {
  parts.reserve(count_used(hierarchy));
  for (const auto& mount : hierarchy.mounts()) {
    if (stage_of(mount) != stage || !used_by_containers(mount)) continue;
    auto part = create_part(mount, partition, name);
    if (!part) {
      remove_left_over();
      part = create_part(mount, partition, name);
    }
    if (!part) base::fail(Code::OperationFailed, "cgroup '", path, "' is being made by somebody else");
    parts.push_back(std::move(*part));
  }
}

/// Of an earlier group with this path, in the hierarchies this one has nothing in yet. All of them are asked before any
/// is touched: a process half way in may be in one only.
void Group::Impl::remove_left_over() const {
  std::vector<Part> old;
  for (const auto& mount : hierarchy.mounts()) {
    const bool ours = std::any_of(parts.begin(), parts.end(), [&](const Part& part) { return part.mount == &mount; });
    if (ours || !used_by_containers(mount)) continue;
    if (auto directory = Directory::open(mount.path + path)) old.push_back({&mount, std::move(*directory)});
  }
  std::vector<int> pids;
  for (const auto& part : old) part.directory.collect_processes(pids);
  const auto remove = [this](const Part& part) { return part.remove(name); };
  if (!pids.empty() || !std::all_of(old.begin(), old.end(), remove))
    base::fail(Code::OperationFailed, "cgroup '", path, "' already exists and has processes");
}

Group::Group(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Group::Group(Group&&) noexcept = default;
Group& Group::operator=(Group&&) noexcept = default;
Group::~Group() = default;
void Group::release() noexcept {
  if (impl_) impl_->owned = false;
}

Group Group::create(const Hierarchy& hierarchy, const std::string& partition, const std::string& leaf,
                    const Limits& limits) {
  Group group = begin(hierarchy, partition, leaf);
  group.add_memory();
  group.complete(limits);
  return group;
}

Group Group::begin(const Hierarchy& hierarchy, const std::string& partition, const std::string& leaf) {
  require_leaf_name(leaf);
  auto impl = std::make_unique<Impl>();
  impl->hierarchy = hierarchy;
  impl->partition = normalize_partition(partition);
  impl->name = leaf;
  impl->path = impl->partition + "/" + leaf;
  impl->owned = true;
  impl->create_parts(Stage::Birth);
  if (const Part* part = impl->v2()) part->make_leaves();
  return Group(std::move(impl));
}

void Group::add_memory() {
  impl_->create_parts(Stage::Memory);
}

void Group::complete(const Limits& limits) {
  impl_->create_parts(Stage::Rest);
  if (impl_->parts.empty()) base::fail(Code::OperationUnsupported, "this host has no cgroup file system mounted");
  impl_->apply_new(limits);  // before the v1 leaves: clearing the device list of a directory with children is refused
  for (const auto& part : impl_->parts)
    if (part.mount->version == 1) part.make_leaves();
}

std::optional<Group> Group::open(const Hierarchy& hierarchy, const std::string& partition, const std::string& leaf) {
  require_leaf_name(leaf);
  auto impl = std::make_unique<Impl>();
  impl->hierarchy = hierarchy;
  impl->partition = normalize_partition(partition);
  impl->name = leaf;
  impl->path = impl->partition + "/" + leaf;
  impl->parts.reserve(count_used(hierarchy));
  for (const auto& mount : hierarchy.mounts()) {
    if (!used_by_containers(mount)) continue;
    auto directory = Directory::open(mount.path + impl->path);
    if (!directory) continue;
    impl->parts.push_back({&mount, std::move(*directory)});
  }
  if (impl->parts.empty()) return std::nullopt;
  return Group(std::move(impl));
}

const std::string& Group::path() const {
  return impl_->path;
}

std::vector<Mount> Group::mounts() const {
  std::vector<Mount> mounts;
  for (const auto& part : impl_->parts) mounts.push_back(*part.mount);
  return mounts;
}

base::Fd Group::Impl::v2_leaf(const char* leaf) const {
  const Part* part = v2();
  return part ? part->directory.open_file(leaf, O_RDONLY | O_DIRECTORY) : base::Fd();
}

std::vector<base::Fd> Group::Impl::tasks(const char* leaf) const {
  std::vector<base::Fd> files;
  for (const auto& part : parts)
    if (part.mount->version == 1) files.push_back(part.open_tasks(leaf));
  return files;
}

base::Fd Group::supervisor_directory() const {
  return impl_->v2_leaf(kSupervisorLeaf);
}
base::Fd Group::payload_directory() const {
  return impl_->v2_leaf(kPayloadLeaf);
}

std::vector<base::Fd> Group::supervisor_tasks() const {
  return impl_->tasks(kSupervisorLeaf);
}
std::vector<base::Fd> Group::payload_tasks() const {
  return impl_->tasks(kPayloadLeaf);
}

std::vector<std::string> Group::payload_directories() const {
  std::vector<std::string> paths;
  for (const auto& part : impl_->parts) paths.push_back(payload_path(*part.mount, impl_->partition, impl_->name));
  return paths;
}

void Group::freeze() {
  const Part& part = impl_->require("freezer");
  cgroup::freeze(part.payload(), part.mount->version, kFreezeTimeout);
}

void Group::thaw() {
  const Part& part = impl_->require("freezer");
  cgroup::thaw(part.payload(), part.mount->version);
}

bool Group::frozen() const {
  const Part* part = impl_->find("freezer");
  return part && is_frozen(part->payload(), part->mount->version);
}

std::vector<const Part*> Group::Impl::parts_with_processes() const {
  std::vector<const Part*> chosen;
  if (const Part* part = v2()) chosen.push_back(part);
  const Part* freezer = find("freezer");
  if (freezer && freezer->mount->version == 1) chosen.push_back(freezer);
  if (chosen.empty() && !parts.empty()) chosen.push_back(&parts.front());
  return chosen;
}

std::vector<int> Group::Impl::processes(Scope scope) const {
  std::set<int> found;
  for (const Part* part : parts_with_processes()) {
    std::vector<int> pids;
    if (scope == Scope::Everything)
      part->directory.collect_processes(pids);
    else if (const auto payload = part->leaf(kPayloadLeaf))
      payload->collect_processes(pids);
    found.insert(pids.begin(), pids.end());
  }
  found.erase(0);  // processes of another pid namespace have no number here
  return {found.begin(), found.end()};
}

std::vector<int> Group::processes(Scope scope) const {
  return impl_->processes(scope);
}

bool Group::Impl::kill_v2(Scope scope) const {
  const Part* part = v2();
  if (!part) return false;
  const auto payload = scope == Scope::Payload ? part->leaf(kPayloadLeaf) : std::nullopt;
  return (payload ? *payload : part->directory).try_write("cgroup.kill", "1") == 0;
}

void Group::Impl::kill_one_by_one(Scope scope) const {
  // A process with SIGKILL pending can no longer fork, so once a list holds only signalled ones, no other will appear.
  std::set<int> signalled;
  for (int round = 0; round < kMaxKillRounds; ++round) {
    std::vector<base::PidFd> fresh;
    for (const int pid : processes(scope))
      if (!signalled.count(pid))
        if (auto process = base::PidFd::open(pid)) fresh.push_back(std::move(*process));
    if (fresh.empty()) break;
    // Read again: a pid may have been given to a stranger between the list and the pidfd.
    const auto still = processes(scope);
    for (const auto& process : fresh) {
      if (!std::binary_search(still.begin(), still.end(), static_cast<int>(process.pid()))) continue;
      process.signal(SIGKILL);
      signalled.insert(static_cast<int>(process.pid()));
    }
  }
}

void Group::kill(Scope scope) {
  const bool done = impl_->kill_v2(scope);  // no such file before 5.14
  if (!done || impl_->parts.size() > 1) impl_->kill_one_by_one(scope);
  const Part* freezer = impl_->find("freezer");
  if (freezer && freezer->mount->version == 1) freezer->payload().try_write("freezer.state", "THAWED");
}

bool Group::Impl::remove_now() noexcept {
  std::erase_if(parts, [this](const Part& part) { return part.remove(name); });
  return parts.empty();
}

bool Group::Impl::remove(std::chrono::milliseconds limit) noexcept {
  const auto deadline = Clock::now() + limit;
  for (auto& part : parts) part.directory.hold();
  Backoff backoff(kLongestRetryPause);
  while (!remove_now()) {
    if (Clock::now() >= deadline) return false;
    const Part* part = v2();
    const base::Fd events = part ? part->directory.try_open("cgroup.events", O_RDONLY) : base::Fd();
    const bool populated = events && value_of(read_events(events.get()), "populated") == 1;
    backoff.wait(populated ? events.get() : -1);  // once v2 is empty, only the others' rmdir can tell
  }
  owned = false;
  perf_events.close();  // they keep the kernel's half of the group
  return true;
}

bool Group::remove(std::chrono::milliseconds limit) {
  return impl_->remove(limit);
}

Limits Group::limits() const {
  Limits merged;
  for (const int version : {1, 2})
    merged = merge_limits(merged, parse_limits(version, [&](const std::string& controller, const std::string& file) {
                            const Part* part = impl_->find(controller);
                            return part && part->mount->version == version ? part->directory.read(file) : std::nullopt;
                          }));
  if (auto counted = impl_->perf_events.names(); !counted.empty()) merged.perf_events = std::move(counted);
  return merged;
}

void Group::update(const Limits& wanted) {
  const Limits now = limits();
  try {
    impl_->apply_change(wanted, now);
  } catch (...) {
    // What was written before the write that failed is taken back.
    const Limits half_way = limits();
    Limits back = difference(half_way, now);
    back.devices.reset();
    try {
      impl_->apply_change(back, half_way);
    } catch (const base::Error& error) {
      base::log::warning("cgroup '{}': cannot go back to the limits before: {}", impl_->path, error.what());
    }
    throw;
  }
}

namespace {

/// Since 6.10 blk-throttle of v1 counts on a disk only once some group was given a limit there, and shows zeros before
/// that. Once it counts, the root group lists the disk.
bool blocks_are_counted(const Mount& blkio) {
  static std::atomic<bool> seen = false;  // it never stops again
  if (blkio.version == 2 || seen) return true;
  const auto root = Directory::open(blkio.path);
  const auto text = root ? root->read("blkio.throttle.io_service_bytes") : std::nullopt;
  seen = text && text->find(':') != text->npos;
  return seen;
}

}  // namespace

Usage Group::usage(Ask asked, Keep keep) const {
  const auto find = [this](const StatFile& file) -> const Directory* {
    const Part* part = file.controller ? impl_->find(file.controller) : impl_->v2();
    return part && part->mount->version == file.version ? &part->directory : nullptr;
  };
  Usage usage = impl_->stat_reader.read(asked, keep, find);
  if (const Part* part = asks(asked, Ask::PerCpu) ? impl_->find("cpuacct") : nullptr; part && part->mount->version == 2)
    usage.per_cpu_ns = read_per_cpu_time(part->directory);
  // v1 counts the kills of each directory by itself.
  if (const Part* memory = usage.oom_kills ? impl_->find("memory") : nullptr; memory && memory->mount->version == 1)
    if (impl_->stat_reader.has_groups_below(keep, memory->directory, kPayloadLeaf))
      usage.oom_kills = count_oom_kills(*oom_source());
  if (asks(asked, Ask::PerfEvents)) usage.perf = impl_->perf_events.read();
  if (usage.blocks && usage.blocks->empty() && !blocks_are_counted(*impl_->find("blkio")->mount)) usage.blocks.reset();
  return usage;
}

void Group::spare_descriptors() {
  for (auto& part : impl_->parts)
    if (part.mount->version == 1) part.directory.spare(part.mount->path);
}

void Group::close_kept_files() const {
  impl_->stat_reader.close();
}

std::optional<OomSource> Group::oom_source() const {
  const Part* memory = impl_->find("memory");
  if (!memory) return std::nullopt;
  const std::string own = memory->mount->path + impl_->path;
  return OomSource{memory->mount->version, memory->mount->version == 1 ? own + "/" + kPayloadLeaf : own};
}

}  // namespace cgroup
