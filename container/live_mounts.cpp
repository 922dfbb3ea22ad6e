#include "container/live_mounts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/filesystem.hpp"
#include "container/image_mount.hpp"
#include "container/mount_lock.hpp"
#include "container/mount_table.hpp"
#include "container/mount_target.hpp"
#include "container/shared_namespaces.hpp"
#include "container/system_calls.hpp"
#include "container/within.hpp"

namespace container {
namespace {

using base::Code;

constexpr std::chrono::seconds kInheritedLimit{2};
constexpr std::chrono::milliseconds kInheritedPause{2};

/// Descriptors of the container, opened before its namespace is entered, where /proc is another.
struct Inside {
  base::Fd host_processes;  // the host's /proc
  base::Fd process, root, mounts, users;
};

Inside open_inside(const base::PidFd& init) {
  const base::Fd process(::open(("/proc/" + std::to_string(init.pid())).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  int error = process ? 0 : errno;
  const auto part = [&](const char* name, int flags) {
    base::Fd fd(::openat(process.get(), name, flags));
    if (!fd && error == 0) error = errno;
    return fd;
  };
  Inside inside{.host_processes = base::open_file("/proc", O_RDONLY | O_DIRECTORY),
                .process = process ? process.duplicate() : base::Fd(),
                .root = part("root", O_PATH | O_DIRECTORY | O_CLOEXEC),
                .mounts = part("ns/mnt", O_RDONLY | O_CLOEXEC),
                .users = part("ns/user", O_RDONLY | O_CLOEXEC)};
  // The number may be another's by now; the pidfd says so.
  // One that is ending has lost parts of this before that.
  if (init.wait_exit(0) || error == ENOENT || error == ESRCH)
    base::fail(Code::OperationInvalid, "the container has ended");
  if (!inside.root || !inside.mounts || !inside.users)
    base::fail_errno_value(error, Code::SystemError, "cannot look into the container");
  return inside;
}

[[noreturn]] void fail_mount(const MountStep& step, int error = errno) {
  base::fail_errno_value(error, Code::SystemError, "cannot mount filesystem '", step.target, "'");
}

/// An image that cannot be shifted, as one without owners, is taken as it is.
void shift(int tree, const Inside& inside, const MountStep& step) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(inside.users.get());
  const unsigned recursive = step.recursive ? AT_RECURSIVE : 0;
  if (::mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &change, sizeof change) < 0 &&
      !(step.kind == MountKind::Image && errno == EINVAL))
    base::fail_errno(Code::SystemError, "cannot map the ids of filesystem '", step.target, "'");
}

/// `directory` with an empty `path`, or AT_FDCWD and a path.
base::Fd copy_tree(int directory, const std::string& path, const MountStep& step) {
  const unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (step.recursive ? AT_RECURSIVE : 0) | (path.empty() ? AT_EMPTY_PATH : 0);
  base::Fd tree(::open_tree(directory, path.c_str(), flags));
  if (!tree || !add_attributes(tree.get(), step.attributes, step.recursive)) fail_mount(step);
  return tree;
}

/// As those of the start have it: root inside cannot make writable what is read-only. Where the container has the
/// host's users its root could mount anything anew, and the kernel has nothing to lock.
base::Fd locked(base::Fd tree, const Inside& inside, const MountStep& step) {
  if (is_own_namespace(inside.users.get(), "user")) return tree;
  return lock_flags(std::move(tree), inside.users, step.target.c_str());
}

/// Nothing for what is found inside.
base::Fd open_host_tree(const Inside& inside, const MountStep& step, const HostRoot& owner) {
  if (step.kind == MountKind::BindInside) return {};
  if (step.kind == MountKind::Filesystem) {
    // A start has the container's root make it.
    const std::string options = fmt::format("{},uid={},gid={}", step.options, owner.uid, owner.gid);
    base::Fd tree(make_filesystem(step.fstype.c_str(), step.source.c_str(), options.c_str(), step.attributes));
    if (!tree) fail_mount(step);
    return locked(std::move(tree), inside, step);
  }
  base::Fd tree = step.kind == MountKind::Image ? mount_image(step) : copy_tree(AT_FDCWD, step.source, step);
  if (step.idmapped) shift(tree.get(), inside, step);
  return locked(std::move(tree), inside, step);
}

/// Mount points are made as the container's root would: of an idmapped image nobody else has an id. This thread keeps
/// what a change of the ids for files takes away.
void enter(const Inside& inside, const HostRoot& owner) {
  if (::unshare(CLONE_FS) < 0 || ::setns(inside.mounts.get(), CLONE_NEWNS) < 0)
    base::fail_errno(Code::SystemError, "cannot enter the container's mount namespace");
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> kept(::cap_get_proc(), ::cap_free);
  ::setfsgid(owner.gid);
  ::setfsuid(owner.uid);
  if (!kept || ::cap_set_proc(kept.get()) < 0) base::fail_errno(Code::SystemError, "cannot keep capabilities");
}

struct Identity {
  int id = -1;
  bool mount_root = false;
};
Identity identify(int fd) {
  struct statx info {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) < 0) return {};
  return {static_cast<int>(info.stx_mnt_id), (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0};
}

/// Whether a path that procfs has of a process, "cwd" or "fd/3", lies in one of these mounts.
bool lies_in(int process, const std::string& path, const MountTable& mounts) {
  struct statx info {};
  return ::statx(process, path.c_str(), 0, STATX_MNT_ID, &info) == 0 &&
         std::ranges::any_of(mounts, [&](const auto& mount) { return mount.id == static_cast<int>(info.stx_mnt_id); });
}

bool uses(int processes, int pid, const MountTable& mounts) {
  const base::Fd process(::openat(processes, std::to_string(pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process) return false;
  for (const char* link : {"cwd", "root", "exe"})
    if (lies_in(process.get(), link, mounts)) return true;
  for (const std::string directory : {"fd", "map_files"}) {
    const int list = ::openat(process.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(list < 0 ? nullptr : ::fdopendir(list), ::closedir);
    while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr)
      if (entry->d_name[0] != '.' && lies_in(process.get(), directory + "/" + entry->d_name, mounts)) return true;
  }
  return false;
}

/// What the kernel has for the container itself, and what hides the host from it.
bool of_the_container(const std::string& path) {
  const auto below = [&](const std::string& directory) {
    return path == directory || path.starts_with(directory + "/");
  };
  return path == "/" || below("/proc") || below("/sys") || below("/dev");
}

/// In the container's namespace.
class Changes {
 public:
  Changes(const Inside& inside, const std::vector<int>& processes) : inside_(inside), processes_(processes) {}
  ~Changes() {
    if (!committed_) undo();
  }
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  void remove(const std::string& target);
  void add(const MountStep& step, const base::Fd& host_tree);
  std::vector<std::string> commit() {
    committed_ = true;
    return std::move(created_);
  }

 private:
  struct Taken {
    base::Fd tree;
    std::string path;
  };
  int root() const { return inside_.root.get(); }
  MountTable table() const {
    // Of a process on its way out there is none any more, for ENOENT, ESRCH or EINVAL.
    const base::Fd file(::openat(inside_.process.get(), "mountinfo", O_RDONLY | O_CLOEXEC));
    if (!file && (errno == ENOENT || errno == ESRCH || errno == EINVAL))
      base::fail(Code::OperationInvalid, "the container is ending");
    if (!file) base::fail_errno(Code::SystemError, "cannot read the container's mounts");
    return parse_mount_table(base::read_all(file.get()));
  }
  bool unmount(const MountEntry& mount, int flags) const;
  bool unmount_unless_used(const MountEntry& mount) const;
  void put(int tree, const std::string& path) const;
  void undo() noexcept;

  const Inside& inside_;
  const std::vector<int>& processes_;
  std::vector<Taken> taken_;
  std::vector<MountEntry> added_;
  std::vector<std::string> created_;
  bool committed_ = false;
};

/// By its name in the directory it is in, which nobody inside can exchange while it is a mount point. False with errno.
bool Changes::unmount(const MountEntry& mount, int flags) const {
  const auto slash = mount.path.rfind('/');
  const std::string directory = slash == 0 ? "/" : mount.path.substr(0, slash), name = mount.path.substr(slash + 1);
  const base::Fd parent(open_beneath(root(), directory.c_str(), O_PATH | O_DIRECTORY));
  if (!parent) return false;
  base::Fd found(::openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const bool same = found && identify(found.get()).id == mount.id;
  found.reset();             // it would keep the mount busy, and so would a working directory in it
  if (!same) errno = EBUSY;  // something else lies on top
  const bool done = same && ::fchdir(parent.get()) == 0 && ::umount2(name.c_str(), flags | UMOUNT_NOFOLLOW) == 0;
  const int error = errno;
  if (::fchdir(root()) < 0) base::fail_errno(Code::SystemError, "cannot leave '", directory, "'");
  errno = error;
  return done;
}

/// Busy is also what a child of ours has inherited a descriptor of, until it is another program a moment later: only
/// the container's own processes make it that for good. False with errno.
bool Changes::unmount_unless_used(const MountEntry& mount) const {
  const auto deadline = std::chrono::steady_clock::now() + kInheritedLimit;
  while (!unmount(mount, 0)) {
    if (errno != EBUSY) return false;
    const MountTable table = {mount};
    const auto in_use = [&](int pid) { return uses(inside_.host_processes.get(), pid, table); };
    if (std::ranges::any_of(processes_, in_use) || std::chrono::steady_clock::now() > deadline) {
      errno = EBUSY;
      return false;
    }
    std::this_thread::sleep_for(kInheritedPause);
  }
  return true;
}

void Changes::put(int tree, const std::string& path) const {
  const base::Fd target(open_beneath(root(), path.c_str(), O_PATH));
  if (!target || ::move_mount(tree, "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    base::fail_errno(Code::SystemError, "cannot mount '", path, "' in the container");
}

void Changes::remove(const std::string& target) {
  base::Fd place(open_beneath(root(), target.c_str(), O_PATH));
  const Identity identity = place ? identify(place.get()) : Identity{};
  if (!identity.mount_root) return;  // somebody inside has unmounted it
  const MountTable below = innermost_first(table(), identity.id);
  if (below.empty()) return;
  const std::string& path = below.back().path;
  if (path != target && of_the_container(path))
    base::fail(Code::OperationFailed, "'", target, "' leads to '", path,
               "' in the container, which is no filesystem of the domain's");
  Taken taken{
      base::Fd(::open_tree(place.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE)), path};
  if (!taken.tree) base::fail_errno(Code::SystemError, "cannot detach filesystem '", target, "'");
  place.reset();
  // Those below go first, so the kernel would say that the mount itself is in use when they are gone already.
  const auto in_use = [&](int pid) { return uses(inside_.host_processes.get(), pid, below); };
  if (below.size() > 1 && std::ranges::any_of(processes_, in_use))
    base::fail(Code::ResourceBusy, "filesystem '", target, "' is in use in the container");
  for (const auto& mount : below) {
    if (unmount_unless_used(mount)) continue;
    const int error = errno;
    // The kernel lets one that lies in a locked tree go with the whole of it only.
    if (error == EINVAL && &mount != &below.back() && unmount(below.back(), MNT_DETACH)) break;
    // Some of those below it have gone already: the whole tree comes back, whoever is in it keeps what is in use.
    if (&mount != &below.front() && unmount(below.back(), MNT_DETACH)) put(taken.tree.get(), path);
    if (error == EBUSY) base::fail(Code::ResourceBusy, "filesystem '", target, "' is in use in the container");
    base::fail_errno_value(error, Code::SystemError, "cannot detach filesystem '", target, "'");
  }
  taken_.push_back(std::move(taken));
}

void Changes::add(const MountStep& step, const base::Fd& host_tree) {
  base::Fd own;
  if (step.kind == MountKind::BindInside) {
    const base::Fd source(open_beneath(root(), step.source.c_str(), O_PATH));
    if (!source)
      base::fail_errno(Code::SystemError, "cannot open filesystem source '", step.source, "' in the container");
    own = copy_tree(source.get(), "", step);
  }
  const base::Fd& tree = own ? own : host_tree;
  const CreatedSink sink{
      [](void* created, const char* path) { static_cast<std::vector<std::string>*>(created)->emplace_back(path); },
      &created_};
  base::Fd target(open_mount_target(root(), step.target.c_str(), step.create, sink));
  if (!target) base::fail_errno(Code::SystemError, "cannot find mount point '", step.target, "' in the container");
  struct stat from {
  }, to{};
  if (::fstat(tree.get(), &from) == 0 && ::fstat(target.get(), &to) == 0 &&
      S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode))
    fail_mount(step, S_ISDIR(to.st_mode) ? EISDIR : ENOTDIR);
  if (::move_mount(tree.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    fail_mount(step);
  MountEntry entry{.id = identify(tree.get()).id, .path = step.target};
  added_.push_back(entry);  // undone by this name if the table cannot be read
  const MountTable now = table();
  const auto found = std::ranges::find(now, entry.id, &MountEntry::id);
  if (found != now.end()) added_.back() = *found;
}

void Changes::undo() noexcept {
  try {
    for (; !added_.empty(); added_.pop_back()) unmount(added_.back(), MNT_DETACH);
    const std::string created = mount_point_list(created_);
    remove_created(root(), created.data(), created.size());
    for (; !taken_.empty(); taken_.pop_back()) put(taken_.back().tree.get(), taken_.back().path);
  } catch (const std::exception& error) {
    base::log::error("a change of filesystems cannot be taken back: {}", error.what());
  }
}

}  // namespace

std::string mount_point_list(const std::vector<std::string>& paths) {
  std::string list;
  for (const auto& path : paths) list.append(path.c_str(), path.size() + 1);
  return list;
}

/// By a thread that goes there and ends. Who waits for it and it itself agree on which of them is done first.
std::vector<std::string> change_mounts(const base::PidFd& init, const MountChange& change, const HostRoot& owner,
                                       const std::vector<int>& processes) {
  const auto inside = std::make_shared<const Inside>(open_inside(init));
  const auto decided = std::make_shared<std::atomic<bool>>(false);
  auto work = [inside, decided, change, owner, processes] {
    std::vector<base::Fd> trees;
    for (const auto& step : change.added) trees.push_back(open_host_tree(*inside, step, owner));
    enter(*inside, owner);
    Changes changes(*inside, processes);
    for (const auto& target : change.removed) changes.remove(target);
    for (std::size_t i = 0; i < trees.size(); ++i) changes.add(change.added[i], trees[i]);
    if (decided->exchange(true)) base::fail(Code::OperationTimeout, "nobody waits for it any more");
    return changes.commit();
  };
  auto result = run_aside(std::move(work));
  if (result.wait_for(kAnswerLimit) == std::future_status::timeout && !decided->exchange(true))
    base::fail(Code::OperationTimeout, "a filesystem does not answer");
  return result.get();
}

}  // namespace container
