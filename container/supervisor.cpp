// lxcell-supervisor: one per container. The daemon execs it once, with a socket as descriptor 3, and has a copy of that
// process for each container (forks.hpp); everything else comes in the Start message. It prepares what must be done
// outside, clones the child that becomes init (and, for a user namespace, the builder of its mounts), then lives in
// supervisor_loop.
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/short_turns.hpp"
#include "container/builder.hpp"
#include "container/channel.hpp"
#include "container/devices.hpp"
#include "container/failure.hpp"
#include "container/forks.hpp"
#include "container/init.hpp"
#include "container/mounts.hpp"
#include "container/namespaces.hpp"
#include "container/own_view.hpp"
#include "container/small_text.hpp"
#include "container/supervisor_loop.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

struct Start {
  Received received;
  const void* plan_bytes = nullptr;
  std::size_t plan_size = 0;
  int v2_directory = -1, empty_root = -1;
  const int* shared_namespaces = nullptr;
  int shared_count = 0;
  const int* first_files = nullptr;
  int first_count = 0;
  const int* images = nullptr;
  int image_count = 0;
  const int* given = nullptr;
  int given_count = 0;
};

/// Nothing of the daemon's is kept: no descriptors, session, directory or signal dispositions (an inherited
/// SIGCHLD=ignore would lose init's exit status). Blocked signals are never looked at; children are known by pidfd.
void detach_from_daemon() {
  close_range(protocol::kControlFd + 1, ~0U, 0);
  fcntl(protocol::kControlFd, F_SETFD, FD_CLOEXEC);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; fd++) dup2(null, fd);
  if (null > 2) close(null);
  setsid();
  set_blocked_signals(~std::uint64_t{0});
  reset_signals();
  umask(022);
  if (chdir("/") != 0) give_up("change directory", "/");
}

void read_plan(Start& start, int plan_fd) {
  struct stat info;
  if (fstat(plan_fd, &info) != 0) give_up("read plan", "size");
  if (static_cast<std::uint64_t>(info.st_size) < start.plan_size) give_up("read plan", "size", EINVAL);
  void* bytes = mmap(nullptr, start.plan_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, plan_fd, 0);
  if (bytes == MAP_FAILED) give_up("read plan", "mapping");
  start.plan_bytes = bytes;
  if (!view_plan(static_cast<const unsigned char*>(bytes), start.plan_size, supervised.plan))
    give_up("read plan", "contents", EINVAL);
  if (supervised.plan.consoles > protocol::kMaxConsoles) give_up("read plan", "consoles", E2BIG);
}

void receive_start(Start& start) {
  protocol::StartMessage message;
  receive_packet(supervised.control, &message, sizeof message, start.received, 0);
  if (start.received.size >= static_cast<ssize_t>(sizeof message.header) &&
      message.header.type == protocol::Type::Fork) {
    serve_forks(start.received);
    receive_packet(supervised.control, &message, sizeof message, start.received, 0);
    go_to_any_cpu();
  }
  if (start.received.size < 0) give_up("read start message", "socket");
  if (start.received.size != sizeof message || message.header.type != protocol::Type::Start) _exit(1);
  const bool has_v2 = message.has_v2_directory != 0, has_empty_root = message.has_empty_root != 0;
  const std::uint64_t fds = std::uint64_t{3} + (has_v2 ? 1 : 0) + (has_empty_root ? 1 : 0) + message.shared_namespaces +
                            message.first_files + message.images + message.given;
  if (message.header.version != protocol::kVersion || fds != static_cast<std::uint64_t>(start.received.fd_count)) {
    give_up("read start message", "version or descriptors", EPROTO);
  }
  const int* next = start.received.fds;
  const int plan_fd = *next++;
  const int log = *next++;
  supervised.listener = *next++;
  if (has_v2) start.v2_directory = *next++;
  if (has_empty_root) start.empty_root = *next++;
  start.shared_namespaces = next;
  start.shared_count = static_cast<int>(message.shared_namespaces);
  next += start.shared_count;
  start.first_files = next;
  start.first_count = static_cast<int>(message.first_files);
  next += start.first_count;
  start.images = next;
  start.image_count = static_cast<int>(message.images);
  next += start.image_count;
  start.given = next;
  start.given_count = static_cast<int>(message.given);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close(log);
  start.plan_size = message.plan_size;
  read_plan(start, plan_fd);
  close(plan_fd);
}

void take_name(int argument_count, char** arguments) {
  SmallText<16> name;
  name << "lxcell:" << supervised.plan.name;
  prctl(PR_SET_NAME, name.c_str());
  show_name(argument_count, arguments, supervised.plan.name);
}

bool in_user_namespace() {
  return (supervised.plan.namespaces & CLONE_NEWUSER) != 0;
}

/// The mount namespace the child copies: an empty one, or ours. With a user namespace it is born in that copy instead,
/// which is the host's then. Returns the way back, -1 without need of one.
int enter_birthplace(const Start& start) {
  if (start.empty_root < 0 && !in_user_namespace()) return -1;
  const int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (home < 0 || (start.empty_root >= 0 && setns(start.empty_root, CLONE_NEWNS) != 0) ||
      (in_user_namespace() && unshare(CLONE_NEWNS) != 0))
    give_up("make mount namespace", supervised.plan.name);
  return home;
}

void leave_birthplace(const Start& start, int home) {
  if (home < 0) return;
  if (setns(home, CLONE_NEWNS) != 0) give_up("leave mount namespace", supervised.plan.name);
  close(home);
  if (start.empty_root >= 0) close(start.empty_root);
}

/// Ours for a moment, for the child to be born in. Before it has a user namespace, in which it may not go there.
class SharedNamespaces {
 public:
  explicit SharedNamespaces(const Start& start) {
    for (int i = 0; i < start.shared_count; i++) enter(start.shared_namespaces[i]);
  }
  void leave() {
    for (; count_ > 0; count_--) {
      if (setns(homes_[count_ - 1], 0) != 0) give_up("leave shared namespace", supervised.plan.name);
      close(homes_[count_ - 1]);
    }
  }

 private:
  void enter(int shared) {
    const char* home = "";
    switch (ioctl(shared, NS_GET_NSTYPE)) {
      case CLONE_NEWNET:
        home = "/proc/self/ns/net";
        break;
      case CLONE_NEWIPC:
        home = "/proc/self/ns/ipc";
        break;
      case CLONE_NEWUTS:
        home = "/proc/self/ns/uts";
        break;
      default:
        give_up("enter shared namespace", "kind", EPROTO);
    }
    if (count_ == kMost) give_up("enter shared namespace", "too many", EPROTO);
    homes_[count_] = open(home, O_RDONLY | O_CLOEXEC);
    if (homes_[count_++] < 0 || setns(shared, 0) != 0) give_up("enter shared namespace", home);
    close(shared);
  }

  static constexpr int kMost = 3;
  int homes_[kMost] = {};
  int count_ = 0;
};

void make_pair(int (&pair)[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    give_up("make socket pair", supervised.plan.name);
}

/// Our ends of the sockets between the three of us, and init's and the builder's.
struct Sockets {
  int child[2] = {-1, -1};    // ours, then that of whoever is to read of the two
  int builder[2] = {-1, -1};  // init's, then the builder's
};

void clone_init(const Start& start, const MountTrees& trees, const Sockets& sockets) {
  // A cgroup namespace when it has moved. A time namespace waits for whoever is cloned. A mount namespace of its own
  // when it can copy what the builder made.
  const std::uint64_t later = CLONE_NEWCGROUP | CLONE_NEWTIME | (in_user_namespace() ? std::uint64_t{CLONE_NEWNS} : 0);
  SharedNamespaces shared(start);
  const int home = enter_birthplace(start);
  const pid_t pid = clone_process(supervised.plan.namespaces & ~later, start.v2_directory, supervised.init_pidfd);
  if (pid < 0) give_up("clone", supervised.plan.name);
  if (pid == 0) {
    drop_spare_view();
    close(sockets.child[0]);
    if (in_user_namespace()) close(sockets.builder[1]);
    become_init(supervised.plan, {trees, sockets.child[1], start.given, start.given_count, sockets.builder[0]});
  }
  supervised.init_pid = pid;
  leave_birthplace(start, home);
  shared.leave();
}

/// In init's pid namespace, into which one is born.
void clone_builder(const Start& start, const MountTrees& trees, const Sockets& sockets) {
  const int home = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  if (home < 0 || setns(supervised.init_pidfd, CLONE_NEWPID) != 0) give_up("enter pid namespace", supervised.plan.name);
  const pid_t pid = clone_process(0, start.v2_directory, supervised.builder_pidfd);
  if (pid < 0) give_up("clone", supervised.plan.name);
  if (pid == 0) {
    drop_spare_view();
    close(sockets.child[0]);
    close(sockets.builder[0]);
    become_builder(supervised.plan, {trees, sockets.child[1], sockets.builder[1], supervised.init_pidfd});
  }
  keep_off_our_cpu(pid);
  supervised.builder_pid = pid;
  if (setns(home, CLONE_NEWPID) != 0) give_up("leave pid namespace", supervised.plan.name);
  close(home);
  close(sockets.builder[0]);
  close(sockets.builder[1]);
}

void clone_children(const Start& start, const MountTrees& trees) {
  Sockets sockets;
  make_pair(sockets.child);
  if (in_user_namespace()) make_pair(sockets.builder);
  supervised.child = sockets.child[0];
  clone_init(start, trees, sockets);
  if (in_user_namespace()) {
    map_ids(supervised.plan, supervised.init_pid);
    if (has_trees_to_shift(supervised.plan)) {
      const int user_namespace = open_user_namespace(supervised.init_pid);
      shift_host_trees(supervised.plan, trees, user_namespace);
      close(user_namespace);
    }
    clone_builder(start, trees, sockets);
  }
  close(sockets.child[1]);
}

/// The child has its own descriptors for all of this; ours would keep mounts busy.
void let_go(const Start& start, const MountTrees& trees) {
  if (start.v2_directory >= 0) close(start.v2_directory);
  for (std::uint32_t i = 0; i < supervised.plan.mounts.size(); i++) {
    if (trees.steps[i] >= 0) close(trees.steps[i]);
  }
  for (int i = 0; i < start.given_count; i++) close(start.given[i]);
  if (trees.overlay >= 0) close(trees.overlay);
  close(trees.root);
}

int run(int argument_count, char** arguments) {
  static Start start;
  MountTrees trees;
  supervised.control = protocol::kControlFd;
  set_failure_sink(report_failed_start);
  detach_from_daemon();
  receive_start(start);
  take_name(argument_count, arguments);
  enter_own_cgroups(start.first_files, start.first_count);
  open_host_trees(supervised.plan, start.images, start.image_count, trees);
  trees.on_empty_root = start.empty_root >= 0;
  supervised.started = start_boot_clock(supervised.plan);
  clone_children(start, trees);
  supervised.dev = make_dev(supervised.plan);
  look_at_control();  // the cgroups may be complete, and the child waits for them
  look_for_network();
  // From here on beside the child, which is busy with its mounts.
  prepare_own_view();
  let_go(start, trees);
  write_file("/proc/self/oom_score_adj", "-1000");  // after clone, as the container must not inherit it
  open_host_consoles();
  base::take_short_turns();
  run_loop();
}

}  // namespace
}  // namespace container

int main(int argument_count, char** arguments) {
  return container::run(argument_count, arguments);
}
