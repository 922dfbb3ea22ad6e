#include "container/init.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "container/builder.hpp"
#include "container/child_records.hpp"
#include "container/devices.hpp"
#include "container/failure.hpp"
#include "container/identity.hpp"
#include "container/namespaces.hpp"
#include "container/security_label.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

/// The daemon's would come along, with whatever keys are in it. Now, while it is charged to the host's root: an
/// ordinary user has room for few, and containers may share their ids. A host without keys, or one that is itself
/// confined, has nothing to leave.
void leave_session_keyring(const PlanView& plan) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0) return;
  if (errno != ENOSYS && errno != EPERM && errno != EACCES) give_up("make session keyring", plan.name);
}

void take_console(const PlanView& plan, const Consoles& consoles, const Identity& identity) {
  if (identity.account.uid != 0) {
    for (std::uint32_t i = 0; i < consoles.count; i++) {
      if (fchown(consoles.slaves[i], identity.account.uid, static_cast<gid_t>(-1)) != 0)
        give_up("chown console", plan.init.user);
    }
  }
  const int input = consoles.count > 0 ? consoles.slaves[0] : open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (input < 0) give_up("open", "/dev/null");
  for (int fd = 0; fd <= 2; fd++) {
    if (dup2(input, fd) != fd) give_up("open console", plan.name);
  }
}

/// Without following /proc's magic links: an image could have one there to a directory of the host's that we still
/// hold.
void enter_directory(const PlanView& plan, int root) {
  const int directory = open_beneath(root, plan.init.directory, O_PATH | O_DIRECTORY);
  if (directory < 0 || fchdir(directory) != 0) give_up("change directory", plan.init.directory);
}

/// Whatever else we hold is gone before the path of init is looked up, which may lead through /proc/self/fd. First out
/// of the way: one may have the number that another is to get.
void close_descriptors(const PlanView& plan, const ChildInputs& inputs) {
  constexpr int kFirst = 3;
  const int count = inputs.given_count, socket_place = kFirst + count;
  static int moved[kMaxPacketFds];
  for (int i = 0; i < count; i++) {
    moved[i] = fcntl(inputs.given[i], F_DUPFD_CLOEXEC, socket_place + 1);
    if (moved[i] < 0) give_up("pass descriptors", plan.name);
  }
  const int socket = fcntl(supervisor_socket(), F_DUPFD_CLOEXEC, socket_place + 1);
  if (socket < 0) give_up("close descriptors", plan.name);
  supervisor_socket_moved(socket);
  for (int i = 0; i < count; i++) {
    if (dup2(moved[i], kFirst + i) != kFirst + i) give_up("pass descriptors", plan.name);  // stays open at exec
  }
  if (dup2(socket, socket_place) != socket_place || fcntl(socket_place, F_SETFD, FD_CLOEXEC) != 0)
    give_up("close descriptors", plan.name);
  supervisor_socket_moved(socket_place);
  if (close_range(static_cast<unsigned>(socket_place + 1), ~0U, 0) != 0) give_up("close descriptors", plan.name);
}

char** pointers_to(const Items<const char*>& texts) {
  const std::size_t size = sizeof(char*) * (texts.size() + std::size_t{1});
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("make arguments", "init");
  char** pointers = static_cast<char**>(memory);
  std::size_t count = 0;
  for (const char* text : texts) pointers[count++] = const_cast<char*>(text);
  pointers[count] = nullptr;
  return pointers;
}

/// Under the system call filter: whatever is called from here on, a profile in a file has to allow (seccomp_profile).
[[noreturn]] void execute(const PlanView& plan, char** arguments, char** environment) {
  if (plan.wait_for_network) wait_for(supervisor_socket(), kNetworkDone);  // last, as the links take longest
  set_blocked_signals(0);
  send_record(Record::Executing, "", "", 0);
  execve(plan.init.path, arguments, environment);
  give_up("exec", plan.init.path);
}

}  // namespace

void become_init(const PlanView& plan, ChildInputs inputs) {
  static Consoles consoles;
  static Identity identity;
  MountTrees& trees = inputs.trees;
  const bool built = inputs.builder >= 0;
  report_to_supervisor(inputs.supervisor);

  tie_to_supervisor(plan.name);
  leave_session_keyring(plan);
  if (setsid() < 0) give_up("start session", plan.name);
  set_hostname(plan);
  if (built) {
    trees.root = take_built_root(plan, inputs.builder);
    open_consoles(plan, trees.root, consoles);
  } else {
    hand_over_network(plan);
    build_root(plan, trees, consoles, MountSet::All, -1);
  }

  find_identity(plan, trees.root, identity);
  take_console(plan, consoles, identity);
  enter_directory(plan, trees.root);
  ask_for_label(plan, trees.root);  // looked up by descriptor, as the directory is: before all are closed
  if (!built) {
    add_own_files(plan, trees);
    set_resource_limits(plan, 0);
  }
  close_descriptors(plan, inputs);
  char** arguments = pointers_to(plan.init.arguments);
  char** environment = pointers_to(plan.init.environment);
  set_memory_policy(plan);
  assume_identity(plan, identity);
  execute(plan, arguments, environment);
}

}  // namespace container
