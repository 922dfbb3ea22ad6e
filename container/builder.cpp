#include "container/builder.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/child_records.hpp"
#include "container/devices.hpp"
#include "container/failure.hpp"
#include "container/forks.hpp"
#include "container/identity.hpp"
#include "container/namespaces.hpp"

namespace container {
namespace {

constexpr uid_t kNobody = 65534;

bool has_detachable(const PlanView& plan) {
  for (const MountView& step : plan.mounts)
    if (step.detachable) return true;
  return false;
}

void send_word(int socket, char word, const char* name, const int* fds = nullptr, int count = 0) {
  if (!send_packet(socket, &word, 1, fds, count, 0)) give_up("prepare init", name);
}

/// Whose proc, sysfs, mqueue and mounts we make.
void enter_namespaces(const PlanView& plan, int init_pidfd) {
  constexpr std::uint64_t kSeen = CLONE_NEWNET | CLONE_NEWIPC;
  if (setns(init_pidfd, CLONE_NEWNS | static_cast<int>(plan.namespaces & kSeen)) != 0)
    give_up("enter namespaces", plan.name);
}

/// What we make in the image and in new file systems is the container's root's, for an idmapped image has no place for
/// anybody else's. A change of the ids for files takes capabilities away, which we keep.
void make_files_as_root(const PlanView& plan) {
  if (plan.root_uid == 0 && plan.root_gid == 0) return;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) give_up("read capabilities", "builder");
  setfsgid(plan.root_gid);
  setfsuid(plan.root_uid);
  if (syscall(SYS_capset, &header, data) != 0) give_up("set capabilities", "builder");
}

/// The supervisor makes /dev and the daemon the cgroups while we come up.
void take_dev_and_cgroups(const PlanView& plan, MountTrees& trees, int init) {
  const Received& attach = wait_for(supervisor_socket(), kAttach);
  if (attach.fd_count < 1) give_up("enter cgroup", "descriptors", EPROTO);
  trees.dev = attach.fds[0];
  const int mounts = take_cgroup_trees(plan, trees, attach.fds + 1, attach.fd_count - 1);
  const int *files = attach.fds + 1 + mounts, count = attach.fd_count - 1 - mounts;
  if (init >= 0)
    send_word(init, kJoin, plan.name, files, count);
  else
    enter_cgroup(plan, files, count);
}

/// Comes with no descriptor where this host cannot have one.
void take_own_view(const PlanView& plan, MountTrees& trees) {
  if (!plan.own_view.served) return;
  const Received& view = wait_for(supervisor_socket(), kOwnView);
  if (view.fd_count > 0) trees.own_view = view.fds[0];
}

void hand_over_consoles(const Consoles& consoles) {
  int fds[2 * protocol::kMaxConsoles];
  const int count = static_cast<int>(consoles.count);
  for (int i = 0; i < count; i++) {
    fds[i] = consoles.masters[i];
    fds[count + i] = consoles.slaves[i];
  }
  if (count > 0) send_record(Record::Consoles, "", "", 0, fds, 2 * count);
}

/// From here on init could copy what we have.
void show_later_mounts() {
  mount_attr change = {};
  change.propagation = MS_SHARED;
  if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof change) != 0) give_up("share mounts", "/");
}

/// We outlive what we were needed for, so that it is not init's exec that waits until our mounts are gone. The
/// container has nothing to fear or to gain from us then.
void be_nobody() {
  if (setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0) _exit(1);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

}  // namespace

/// First of all, so that the daemon makes the links while the mounts are made. Through the supervisor: a daemon woken
/// by us would take our CPU, while the supervisor is about to leave its own.
void hand_over_network(const PlanView& plan) {
  int fds[2];
  if (!open_network(plan, fds)) return;
  send_record(Record::Network, "", "", 0, fds, 2);
  for (const int fd : fds) close(fd);
}

void build_root(const PlanView& plan, MountTrees& trees, Consoles& consoles, MountSet set, int init) {
  make_filesystems(plan, trees);
  take_dev_and_cgroups(plan, trees, init);
  if (!trees.on_empty_root) take_own_view(plan, trees);
  enter_root(plan, trees);
  make_consoles(plan, trees.dev, consoles);
  hand_over_consoles(consoles);
  apply_mounts(plan, trees, set);
}

void add_own_files(const PlanView& plan, MountTrees& trees) {
  if (trees.on_empty_root) take_own_view(plan, trees);
  apply_own_files(plan, trees);
}

void become_builder(const PlanView& plan, BuilderInputs inputs) {
  static Consoles consoles;
  MountTrees& trees = inputs.trees;
  report_to_supervisor(inputs.supervisor);
  go_to_any_cpu();
  tie_to_supervisor(plan.name);
  enter_namespaces(plan, inputs.init_pidfd);
  hand_over_network(plan);
  make_files_as_root(plan);
  set_resource_limits(plan, 1);
  build_root(plan, trees, consoles, MountSet::Fixed, inputs.init);
  add_own_files(plan, trees);
  const bool more = has_detachable(plan);
  if (more)
    show_later_mounts();
  else
    close(inputs.supervisor);
  send_word(inputs.init, kBuilt, plan.name, &trees.root, 1);
  if (more) {
    wait_for(inputs.init, kCopied);
    apply_mounts(plan, trees, MountSet::Detachable);
    close(inputs.supervisor);
    send_word(inputs.init, kPlaced, plan.name);
  }
  be_nobody();
  char nothing;
  while (read(inputs.init, &nothing, 1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

int take_built_root(const PlanView& plan, int builder) {
  const Received& join = wait_for(builder, kJoin);
  join_cgroups(join.fds, join.fd_count, plan.name);
  become_mapped_root();
  tie_to_supervisor(plan.name);
  const Received& built = wait_for(builder, kBuilt);
  if (built.fd_count != 1 || fchdir(built.fds[0]) != 0) give_up("enter root", plan.root_source);
  // Before the copy, in which the kernel moves our root along but knows nothing of our descriptors.
  if (chroot(".") != 0) give_up("change root", plan.root_source);
  if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) != 0) give_up("unshare mount namespace", plan.name);
  if (has_detachable(plan)) {
    send_word(builder, kCopied, plan.name);
    wait_for(builder, kPlaced);
    make_private();
  }
  const int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) give_up("open root", plan.root_source);
  return root;
}

}  // namespace container
