#include "container/identity.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "container/failure.hpp"
#include "container/small_text.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

using CapabilityData = __user_cap_data_struct[_LINUX_CAPABILITY_U32S_3];

/// Opened only if a regular file: a hostile image could have a FIFO or a device with side effects there.
int open_database(int root, const char* path) {
  const int found = open_beneath(root, path, O_PATH);
  if (found < 0) return -1;
  struct stat info;
  const bool regular = fstat(found, &info) == 0 && S_ISREG(info.st_mode);
  close(found);
  return regular ? open_beneath(root, path, O_RDONLY | O_NONBLOCK) : -1;
}

bool has(std::uint64_t set, unsigned capability) {
  return (set >> capability & 1) != 0;
}

void drop_bounding(const PlanView& plan) {
  for (unsigned capability = 0; capability < 64; capability++) {
    if (has(plan.capabilities.bounding, capability)) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return;  // past the last one this kernel knows
    give_up("drop capability", plan.name);
  }
}

void read_capabilities(CapabilityData& data) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capget, &header, data) != 0) give_up("read capabilities", "init");
}

void write_capabilities(const CapabilityData& data) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capset, &header, data) != 0) give_up("set capabilities", "init");
}

void set_ids(const PlanView& plan, const Identity& identity) {
  const Account& account = identity.account;
  if (setgroups(static_cast<std::size_t>(identity.group_count), identity.groups) != 0)
    give_up("set groups", plan.init.user);
  if (setresgid(account.gid, account.gid, account.gid) != 0) give_up("set group", plan.init.group);
  if (account.uid == 0) {
    if (setresuid(0, 0, 0) != 0) give_up("set user", plan.init.user);
    return;
  }
  // Permitted must outlive the change of user, for seccomp and for the ambient set; exec clears the flag.
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) give_up("keep capabilities", plan.init.user);
  if (setresuid(account.uid, account.uid, account.uid) != 0) give_up("set user", plan.init.user);
  CapabilityData data;
  read_capabilities(data);
  for (auto& half : data) half.effective = half.permitted;
  write_capabilities(data);
}

void load_seccomp(const PlanView& plan) {
  if (plan.seccomp.size == 0) return;
  sock_fprog program = {};
  program.len = static_cast<unsigned short>(plan.seccomp.size / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<unsigned char*>(plan.seccomp.data));
  if (plan.seccomp.size % sizeof(sock_filter) != 0 || plan.seccomp.size / sizeof(sock_filter) > BPF_MAXINSNS) {
    give_up("load seccomp program", plan.name, EINVAL);
  }
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) give_up("load seccomp program", plan.name);
}

void set_capabilities(const PlanView& plan) {
  const CapabilitySets& sets = plan.capabilities;
  CapabilityData data;
  read_capabilities(data);
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
    const auto half = [i](std::uint64_t set) { return static_cast<std::uint32_t>(set >> 32 * i); };
    data[i].permitted &= half(sets.bounding);
    data[i].effective = data[i].permitted;
    data[i].inheritable = half(sets.inheritable) & data[i].permitted;
  }
  write_capabilities(data);
  for (unsigned capability = 0; capability < 64; capability++) {
    if (!has(sets.ambient, capability)) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
      give_up("raise ambient capability", plan.name);
  }
}

}  // namespace

void set_hostname(const PlanView& plan) {
  if (*plan.hostname == 0) return;
  if (sethostname(plan.hostname, std::strlen(plan.hostname)) != 0) give_up("set host name", plan.hostname);
}

void find_identity(const PlanView& plan, int root, Identity& identity) {
  Account& account = identity.account;
  if (*plan.init.user == 0 && *plan.init.group == 0) return;
  const int passwd = open_database(root, "/etc/passwd");
  const int group = open_database(root, "/etc/group");
  if (*plan.init.user != 0 && !find_account(passwd, plan.init.user, account)) give_up("find user", plan.init.user, 0);
  if (*plan.init.group != 0 && !find_group(group, plan.init.group, account.gid))
    give_up("find group", plan.init.group, 0);
  identity.group_count = list_groups(group, account.name, account.gid, identity.groups);
  if (passwd >= 0) close(passwd);
  if (group >= 0) close(group);
}

void set_memory_policy(const PlanView& plan) {
  const MemoryPolicyView& policy = plan.memory_policy;
  if (policy.mode == 0) return;
  // The kernel reads one bit less than it is told of.
  if (syscall(SYS_set_mempolicy, policy.mode, policy.nodes.data, 8 * policy.nodes.size + 1) != 0)
    give_up("set memory policy", plan.name);
}

void set_resource_limits(const PlanView& plan, pid_t process) {
  for (const ResourceLimit& limit : plan.resource_limits) {
    const rlimit64 values = {limit.soft, limit.hard};
    if (syscall(SYS_prlimit64, process, limit.resource, &values, nullptr) == 0) continue;
    SmallText<16> number;
    number << static_cast<int>(limit.resource);
    give_up("set resource limit", number.c_str());
  }
}

void assume_identity(const PlanView& plan, const Identity& identity) {
  if (plan.personality_32bit && personality(PER_LINUX32) == -1) give_up("set personality", plan.name);
  drop_bounding(plan);
  set_ids(plan, identity);
  // Again, because a change of user clears it (prctl(2)).
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up("tie to supervisor", plan.name);
  if (plan.no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("set no_new_privs", plan.name);
  // Before the capabilities go, for without no_new_privs loading needs CAP_SYS_ADMIN; capset and prctl must stay
  // allowed.
  load_seccomp(plan);
  set_capabilities(plan);
}

}  // namespace container
