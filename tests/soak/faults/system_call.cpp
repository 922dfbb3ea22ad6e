#include "soak/faults/system_call.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

namespace faults {
namespace {

/// Which argument is a path.
const std::map<int, int> kPathArguments = {
#ifdef SYS_open
    {SYS_open, 0},      {SYS_mkdir, 0},      {SYS_rmdir, 0},      {SYS_unlink, 0},    {SYS_rename, 1},
    {SYS_symlink, 1},   {SYS_access, 0},     {SYS_stat, 0},       {SYS_lstat, 0},     {SYS_readlink, 0},
    {SYS_chmod, 0},     {SYS_chown, 0},      {SYS_lchown, 0},     {SYS_mknod, 0},
#endif
    {SYS_openat, 1},    {SYS_openat2, 1},    {SYS_newfstatat, 1}, {SYS_statx, 1},     {SYS_mkdirat, 1},
    {SYS_unlinkat, 1},  {SYS_renameat, 3},   {SYS_renameat2, 3},  {SYS_symlinkat, 2}, {SYS_readlinkat, 1},
    {SYS_faccessat, 1}, {SYS_faccessat2, 1}, {SYS_mount, 1},      {SYS_umount2, 0},   {SYS_chdir, 0},
    {SYS_execve, 0},    {SYS_mknodat, 1},    {SYS_statfs, 0},     {SYS_fchownat, 1},  {SYS_fchmodat, 1},
    {SYS_open_tree, 1}, {SYS_move_mount, 3}, {SYS_fsopen, 0},     {SYS_chroot, 0},    {SYS_memfd_create, 0},
};

const std::set<int> kAboutFiles = {SYS_read,     SYS_write,           SYS_pread64,   SYS_pwrite64,   SYS_readv,
                                   SYS_writev,   SYS_fsync,           SYS_fdatasync, SYS_ftruncate,  SYS_ioctl,
                                   SYS_fcntl,    SYS_fstat,           SYS_fstatfs,   SYS_getdents64, SYS_fchmod,
                                   SYS_fchown,   SYS_sync_file_range, SYS_setns,     SYS_sendmsg,    SYS_recvmsg,
                                   SYS_sendto,   SYS_recvfrom,        SYS_bind,      SYS_connect,    SYS_listen,
                                   SYS_fsconfig, SYS_fsmount,         SYS_flock,     SYS_accept4};

const std::set<int> kChanging = {
#ifdef SYS_open
    SYS_mkdir,      SYS_rmdir,        SYS_unlink,
    SYS_rename,     SYS_symlink,      SYS_link,
    SYS_chmod,      SYS_chown,        SYS_lchown,
    SYS_mknod,      SYS_fork,         SYS_vfork,
    SYS_dup2,
#endif
    SYS_mkdirat,    SYS_unlinkat,     SYS_renameat,
    SYS_renameat2,  SYS_symlinkat,    SYS_linkat,
    SYS_write,      SYS_pwrite64,     SYS_writev,
    SYS_fsync,      SYS_fdatasync,    SYS_ftruncate,
    SYS_fallocate,  SYS_mount,        SYS_umount2,
    SYS_fsopen,     SYS_fsconfig,     SYS_fsmount,
    SYS_move_mount, SYS_open_tree,    SYS_mount_setattr,
    SYS_clone,      SYS_clone3,       SYS_execve,
    SYS_setns,      SYS_unshare,      SYS_bind,
    SYS_listen,     SYS_connect,      SYS_sendmsg,
    SYS_sendto,     SYS_kill,         SYS_pidfd_send_signal,
    SYS_mknodat,    SYS_fchown,       SYS_fchownat,
    SYS_fchmod,     SYS_fchmodat,     SYS_chroot,
    SYS_pivot_root, SYS_chdir,        SYS_sethostname,
    SYS_setresuid,  SYS_setresgid,    SYS_setgroups,
    SYS_capset,     SYS_prctl,        SYS_seccomp,
    SYS_ioctl,      SYS_memfd_create, SYS_bpf,
    SYS_epoll_ctl,  SYS_accept4,      SYS_flock};

/// Calls without a way to fail that a caller would have to care about.
const std::set<int> kHarmless = {SYS_umask,   SYS_setsid,          SYS_getcwd,         SYS_sysinfo,
                                 SYS_capget,  SYS_getrusage,       SYS_fadvise64,      SYS_times,
                                 SYS_getppid, SYS_sync_file_range, SYS_dup3,
#ifdef SYS_open
                                 SYS_dup2,    SYS_getpgrp,
#endif
                                 SYS_fchdir,  SYS_getpgid,         SYS_timerfd_settime};

bool is_traffic(int number) {
  static const std::set<int> kTraffic = {SYS_read,    SYS_write,      SYS_readv,      SYS_writev,
                                         SYS_sendmsg, SYS_recvmsg,    SYS_recvfrom,   SYS_sendto,
                                         SYS_accept4, SYS_getsockopt, SYS_setsockopt, SYS_shutdown};
  return kTraffic.contains(number);
}

}  // namespace

const char* name_of(Role role) {
  static const char* const kNames[] = {"loop", "worker", "definitions", "supervisor", "init", "payload"};
  return kNames[static_cast<int>(role)];
}

std::string bytes_at(pid_t process, std::uint64_t address, std::size_t size) {
  std::string bytes(size, '\0');
  const iovec here{bytes.data(), size};
  const iovec there{reinterpret_cast<void*>(address), size};  // NOLINT: another process's address
  const ssize_t got = process_vm_readv(process, &here, 1, &there, 1, 0);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

std::string text_at(pid_t process, std::uint64_t address) {
  constexpr std::uint64_t kPage = 4096;
  std::string text;
  while (address != 0 && text.size() < kPage) {
    const std::string part = bytes_at(process, address, kPage - address % kPage);  // the next page may not be there
    const auto end = part.find('\0');
    text += part.substr(0, end);
    if (part.empty() || end != std::string::npos) break;
    address += part.size();
  }
  return text;
}

std::string file_of(pid_t process, int fd) {
  const std::string link = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(fd);
  char target[4096];
  const ssize_t size = readlink(link.c_str(), target, sizeof target);
  return {target, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

std::string path_of(const SystemCall& call) {
  if (const auto at = kPathArguments.find(call.number); at != kPathArguments.end())
    return text_at(call.thread, call.arguments[at->second]);
  if (kAboutFiles.contains(call.number)) return file_of(call.thread, static_cast<int>(call.arguments[0]));
  return "";
}

std::string describe(const SystemCall& call) {
  char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call.number);
  std::string text = name ? name : std::to_string(call.number);
  std::free(name);
  const std::string path = path_of(call);
  if (!path.empty()) text += " '" + path + "'";
  if (call.number == SYS_ioctl || call.number == SYS_prctl || call.number == SYS_fcntl || call.number == SYS_bpf) {
    char number[32];
    std::snprintf(
        number, sizeof number, " %#llx",
        static_cast<unsigned long long>(call.arguments[call.number == SYS_prctl || call.number == SYS_bpf ? 0 : 1]));
    text += number;
  }
  return text;
}

bool changes_something(const SystemCall& call) {
  if (call.number == SYS_openat) return (call.arguments[2] & O_CREAT) != 0;
  return kChanging.contains(call.number);
}

bool may_fail(const SystemCall& call) {
  if (kHarmless.contains(call.number)) return false;
  // The others allocate nothing. A removal that fails would also leave sd-event a pointer to what it then frees.
  if (call.number == SYS_epoll_ctl && call.arguments[1] != EPOLL_CTL_ADD) return false;
  const bool whole = call.number == SYS_read || call.number == SYS_write;
  if (call.role == Role::Loop && is_traffic(call.number)) return false;
  // An eventfd's or a socket pair's read fails for nothing that a kernel does.
  return !whole || file_of(call.thread, static_cast<int>(call.arguments[0])).starts_with("/");
}

}  // namespace faults
