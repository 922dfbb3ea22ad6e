#include "container/host_offers.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/host_facts.hpp"
#include "container/ovs_port.hpp"
#include "container/system_calls.hpp"
#include "netlink/bandwidth.hpp"
#include "netlink/bridge.hpp"
#include "netlink/macvlan.hpp"
#include "netlink/veth.hpp"

namespace container {
namespace {

constexpr netlink::Mac kMac = {0x52, 0x54, 0x00, 0x00, 0x00, 0x01};
constexpr const char* kImages = "/var/lib";

std::string words_of(int error) {
  return std::strerror(error);
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

/// 0 when there is no such file.
unsigned long kernel_limit(const char* file) {
  return exists(file) ? std::strtoul(base::read_file(file).c_str(), nullptr, 10) : 0;
}

std::string trial(const std::function<void()>& attempt) {
  try {
    attempt();
    return {};
  } catch (const base::Error& error) {
    return error.message();
  }
}

bool has_seccomp() {
  std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

std::set<std::string> controllers_of(const cgroup::Hierarchy& cgroups) {
  std::set<std::string> found;
  for (const char* name : {"cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "io", "devices", "freezer"})
    if (cgroups.find(name)) found.insert(name);
  return found;
}

HostOffers::Trials try_file_systems() {
  HostOffers::Trials trials;
  for (const char* type : {"proc", "sysfs", "tmpfs", "devpts", "overlay"}) {
    const base::Fd context(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));  // which loads its module
    trials[type] = context ? "" : words_of(errno);
  }
  return trials;
}

/// In a network namespace that goes with this thread.
HostOffers::Trials try_links() {
  if (::unshare(CLONE_NEWNET) != 0) {
    const std::string why = words_of(errno);
    return {{"bridge", why}, {"veth", why}, {"macvlan", why}, {"bandwidth", why}};
  }
  const base::Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const auto socket = std::make_shared<netlink::Socket>();
  HostOffers::Trials trials;
  trials["bridge"] = trial([&] { netlink::create_bridge(*socket, "bridge0"); });
  trials["veth"] = trial([&] {
    netlink::VethPlan plan{.host_name = "veth0", .guest_name = "veth1", .guest_mac = kMac};
    netlink::Veth::create(*socket, plan, here.get()).release();
  });
  trials["macvlan"] = trial([&] {
    netlink::MacvlanPlan plan{.parent = "veth0", .guest_name = "macvlan0", .guest_mac = kMac};
    netlink::Macvlan::create(*socket, socket, plan, here.get()).release();
  });
  const netlink::BandwidthRate rate{.average = 1000};
  trials["bandwidth"] = trial([&] { netlink::set_bandwidth(*socket, "veth0", {rate, rate}); });
  return trials;
}

/// A process in a user namespace of its own, for as long as this lives.
class MappedProcess {
 public:
  MappedProcess() {
    int unused = -1;
    pid_ = clone_process(CLONE_NEWUSER, -1, unused);
    if (pid_ == 0)
      for (;;) ::pause();
    if (pid_ < 0) base::fail_errno(base::Code::SystemError, "cannot make a user namespace");
    pidfd_ = base::Fd(unused);
  }
  MappedProcess(const MappedProcess&) = delete;
  MappedProcess& operator=(const MappedProcess&) = delete;
  ~MappedProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  base::Fd user_namespace() const {
    const std::string process = "/proc/" + std::to_string(pid_);
    for (const char* map : {"/uid_map", "/gid_map"})
      if (!write_file((process + map).c_str(), "0 100000 65536"))
        base::fail_errno(base::Code::SystemError, "cannot map ids");
    return base::Fd(::open((process + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  }

 private:
  pid_t pid_;
  base::Fd pidfd_;
};

void map_ids_of(const char* directory) {
  const MappedProcess process;
  const base::Fd ids = process.user_namespace();
  const base::Fd copy(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, directory, OPEN_TREE_CLONE | O_CLOEXEC)));
  if (!copy) base::fail_errno(base::Code::SystemError, "cannot copy mount '", directory, "'");
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(ids.get());
  if (::syscall(SYS_mount_setattr, copy.get(), "", AT_EMPTY_PATH, &change, sizeof change) != 0)
    base::fail_errno(base::Code::SystemError, "cannot map the ids of '", directory, "'");
}

}  // namespace

HostOffers find_host_offers() {
  HostOffers offers;
  utsname names{};
  ::uname(&names);
  std::sscanf(names.release, "%u.%u", &offers.kernel_major, &offers.kernel_minor);
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"})
    if (exists(std::string("/proc/self/ns/") + name)) offers.namespaces.insert(name);
  offers.user_namespaces = kernel_limit("/proc/sys/user/max_user_namespaces");
  offers.seccomp = has_seccomp();
  const HostFacts facts = read_host_facts();
  offers.unified = facts.cgroups.unified();
  offers.systemd = facts.systemd;
  offers.cgroup_controllers = controllers_of(facts.cgroups);
  offers.file_systems = try_file_systems();
  offers.id_mapped_mounts = trial([] { map_ids_of(kImages); });
  offers.links = std::async(std::launch::async, try_links).get();
  offers.fuse = facts.fuse;
  if (facts.time_namespaces) offers.namespaces.insert("time");
  offers.lxcfs = !read_lxcfs_files().empty();
  offers.ovs = has_ovs();
  offers.apparmor = exists("/sys/kernel/security/apparmor/profiles");
  offers.selinux = exists("/sys/fs/selinux/enforce");
  offers.ptys = kernel_limit("/proc/sys/kernel/pty/max");
  offers.inotify_instances = kernel_limit("/proc/sys/fs/inotify/max_user_instances");
  return offers;
}

}  // namespace container
