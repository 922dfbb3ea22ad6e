// Processes, namespaces and descriptors that are not the container's.
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

pid_t host_pid(const Facts& facts) {
  return static_cast<pid_t>(std::stol(facts["host_pid"]));
}

/// The host's number may be somebody's here too, so only where it is nobody's is there something to see.
std::function<Outcome(const Facts&)> on_host_process(std::function<long(pid_t)> call) {
  return [call = std::move(call)](const Facts& facts) {
    const long result = call(host_pid(facts));
    return result < 0 && errno == ESRCH ? refused_errno() : judge_past_permission(result);
  };
}

long read_memory(pid_t pid) {
  char byte;
  iovec here = {&byte, 1}, there = {&byte, 1};
  return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

long write_memory(pid_t pid) {
  char byte = 0;
  iovec here = {&byte, 1}, there = {nullptr, 1};
  return process_vm_writev(pid, &here, 1, &there, 1, 0);
}

long take_descriptor(pid_t pid) {
  const File process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return process ? syscall(SYS_pidfd_getfd, process.get(), 0, 0) : -1;
}

const char* const kNamespaces[] = {"mnt", "pid", "net", "ipc", "uts", "cgroup"};

/// The host's namespaces by their inodes, at whatever process is in sight.
Outcome find_host_namespace(const Facts& facts) {
  for (const std::string& pid : names_in("/proc")) {
    for (const char* name : kNamespaces) {
      struct stat info {};
      const std::string path = "/proc/" + pid + "/ns/" + name;
      if (stat(path.c_str(), &info) != 0 || std::to_string(info.st_ino) != facts[name]) continue;
      return let_through(path);
    }
  }
  return refused("none in sight");
}

Outcome ask_parent(const char* name, unsigned long question) {
  const File own(open((std::string("/proc/self/ns/") + name).c_str(), O_RDONLY | O_CLOEXEC));
  return judge(ioctl(own.get(), question));
}

Outcome ask_user_parent(const Facts&) {
  return ask_parent("user", NS_GET_PARENT);
}

Outcome ask_pid_parent(const Facts&) {
  return ask_parent("pid", NS_GET_PARENT);
}

struct MountNamespaceInfo {
  std::uint32_t size = sizeof(MountNamespaceInfo), mounts = 0;
  std::uint64_t id = 0;
};
constexpr unsigned long kNextMountNamespace = _IOR(0xb7, 11, MountNamespaceInfo);
constexpr unsigned long kPreviousMountNamespace = _IOR(0xb7, 12, MountNamespaceInfo);

/// From one mount namespace to the next, through all of the host's (Linux 6.12).
std::function<Outcome(const Facts&)> walk_mount_namespaces(unsigned long step) {
  return [=](const Facts& facts) {
    int at = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 10000; ++i) {
      MountNamespaceInfo info;
      const int next = ioctl(at, step, &info);
      if (next < 0) return errno == ENOTTY ? not_there("no such ioctl") : refused_errno();
      close(at);
      at = next;
      struct stat found {};
      if (fstat(at, &found) == 0 && std::to_string(found.st_ino) == facts["mnt"])
        return let_through("the host's, " + std::string(setns(at, CLONE_NEWNS) == 0 ? "entered" : "found"));
    }
    return refused("the host's was not among 10000");
  };
}

struct MountRequest {
  std::uint32_t size = sizeof(MountRequest), spare = 0;
  std::uint64_t mount = ~std::uint64_t{0}, parameter = 0, name_space = 0;  // LSMT_ROOT
};
constexpr long kListMount = 458;

Outcome list_host_mounts(const Facts& facts) {
  if (facts["mnt_id"].empty()) return not_there("unknown id");
  MountRequest request;
  request.name_space = std::stoull(facts["mnt_id"]);
  std::uint64_t found[16];
  const long count = syscall(kListMount, &request, found, 16, 0);
  if (count < 0) return refused_errno();
  return count > 0 ? let_through(std::to_string(count) + " mounts") : refused("none");
}

Outcome enter_namespaces_of_parent(const Facts& facts) {
  const File process(static_cast<int>(syscall(SYS_pidfd_open, host_pid(facts), 0)));
  if (!process) return refused_errno();
  return judge(setns(process.get(), CLONE_NEWNS));
}

/// Beyond the three that every program has, at exec.
Outcome find_leaked_descriptors(const Facts&) {
  for (const std::string& name : names_in("/proc/1/fd")) {
    if (std::stoi(name) <= 2) continue;
    char target[4096] = "";
    const ssize_t size = readlink(("/proc/1/fd/" + name).c_str(), target, sizeof target - 1);
    const std::string text(target, size > 0 ? static_cast<std::size_t>(size) : 0);
    // The report and the pipe to this process are the attacker's own.
    if (contains(text, "report") || text.rfind("pipe:", 0) == 0) continue;
    return let_through(name + " -> " + text);
  }
  return refused("0, 1 and 2 only");
}

Outcome find_leaked_environment(const Facts&) {
  const std::string all = read_some("/proc/1/environ");
  for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1) {
    const std::string entry = all.c_str() + at;
    const std::string name = entry.substr(0, entry.find('='));
    static const std::string known =
        " PATH TERM container HOME container_uuid container_ttys LIBVIRT_LXC_UUID LIBVIRT_LXC_NAME LIBVIRT_LXC_CMDLINE "
        "PWD SHLVL ";
    if (!contains(known, " " + name + " ")) return let_through(entry);
  }
  return refused("only what is documented");
}

/// The program that the host's supervisor or daemon runs from, if it is in sight.
Outcome overwrite_host_program(const Facts& facts) {
  for (const std::string& pid : names_in("/proc")) {
    struct stat info {};
    const std::string path = "/proc/" + pid + "/exe";
    if (stat(path.c_str(), &info) != 0) continue;
    const std::string number = std::to_string(info.st_ino);
    if (number != facts["supervisor"] && number != facts["daemon"]) continue;
    const File file(open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (file || errno == ETXTBSY) return let_through(path);
    return refused_errno();
  }
  return refused("not in sight");
}

Outcome see_host_processes(const Facts& facts) {
  for (const std::string& pid : names_in("/proc")) {
    const std::string words = read_some("/proc/" + pid + "/cmdline");
    if (contains(words, facts["host_program"]) && !contains(words, "host_program=")) return let_through(pid);
  }
  return refused("none in sight");
}

}  // namespace

Attempts process_attempts() {
  return {
      {"leaked_descriptors", find_leaked_descriptors},
      {"leaked_environment", find_leaked_environment},
      {"host_kill", on_host_process([](pid_t pid) { return kill(pid, 0); })},
      {"host_ptrace", on_host_process([](pid_t pid) { return ptrace(PTRACE_SEIZE, pid, nullptr, nullptr); })},
      {"host_process_vm_readv", on_host_process(read_memory)},
      {"host_process_vm_writev", on_host_process(write_memory)},
      {"host_pidfd_getfd", on_host_process(take_descriptor)},
      {"host_process_in_sight", see_host_processes},
      {"host_program_overwrite", overwrite_host_program},
      {"host_namespace_in_proc", find_host_namespace},
      {"setns_of_host_process", enter_namespaces_of_parent},
      {"namespace_parent_user", ask_user_parent},
      {"namespace_parent_pid", ask_pid_parent},
      {"mount_namespaces_forward", walk_mount_namespaces(kNextMountNamespace)},
      {"mount_namespaces_backward", walk_mount_namespaces(kPreviousMountNamespace)},
      {"listmount_of_host", list_host_mounts},
  };
}

}  // namespace attack
