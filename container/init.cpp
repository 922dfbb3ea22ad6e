#include "container/init.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "container/channel.hpp"
#include "container/devices.hpp"
#include "container/failure.hpp"
#include "container/identity.hpp"
#include "container/mount_target.hpp"
#include "container/namespaces.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

int supervisor_socket = -1;

template <std::size_t Size>
void copy_text(char (&to)[Size], const char* from) {
  std::strncpy(to, from, Size - 1);
  to[Size - 1] = 0;
}

/// A failed send means the supervisor is gone, and with it our reason to be.
void send_record(Record kind, const char* step, const char* object, int error, const int* fds = nullptr,
                 int fd_count = 0) {
  static ChildRecord record;
  record.record = kind;
  record.error = error;
  copy_text(record.step, step);
  copy_text(record.object, object);
  const std::size_t size = offsetof(ChildRecord, object) + std::strlen(record.object) + 1;
  if (!send_packet(supervisor_socket, &record, size, fds, fd_count, 0)) _exit(1);
}

void report_failure(const char* step, const char* object, int error) {
  send_record(Record::Failed, step, object, error);
  _exit(1);
}

void report_created(const char* path) {
  send_record(Record::Created, "", path, 0);
}

const Received& wait_for(char word) {
  static Received received;
  char got = 0;
  receive_packet(supervisor_socket, &got, 1, received, 0);
  if (received.size != 1 || got != word) _exit(1);
  return received;
}

void tie_to_supervisor(const PlanView& plan) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up("tie to supervisor", plan.name);
  // It may have died just before; its pid cannot tell from inside a new pid namespace, its end of the socket can.
  char nothing;
  if (recv(supervisor_socket, &nothing, 1, MSG_DONTWAIT | MSG_PEEK) == 0) _exit(1);
}

/// The supervisor makes /dev and the daemon the cgroups while we come up.
void take_dev_and_cgroups(const PlanView& plan, MountTrees& trees) {
  const Received& attach = wait_for(kAttach);
  if (attach.fd_count < 1) give_up("enter cgroup", "descriptors", EPROTO);
  trees.dev = attach.fds[0];
  enter_cgroup(plan, attach.fds + 1, attach.fd_count - 1);
}

/// Comes with no descriptor where this host cannot have one.
void take_own_view(const PlanView& plan, MountTrees& trees) {
  if (!plan.own_view.served) return;
  const Received& view = wait_for(kOwnView);
  if (view.fd_count > 0) trees.own_view = view.fds[0];
}

/// First of all, so that the daemon makes the links while the mounts are made. Through the supervisor: a daemon woken
/// by us would take our CPU, while the supervisor is about to leave its own.
void hand_over_network(const PlanView& plan) {
  int fds[2];
  if (!open_network(plan, fds)) return;
  send_record(Record::Network, "", "", 0, fds, 2);
  for (const int fd : fds) close(fd);
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

[[noreturn]] void execute(const PlanView& plan) {
  char** arguments = pointers_to(plan.init.arguments);
  char** environment = pointers_to(plan.init.environment);
  set_blocked_signals(0);
  send_record(Record::Executing, "", "", 0);
  execve(plan.init.path, arguments, environment);
  give_up("exec", plan.init.path);
}

}  // namespace

void become_init(const PlanView& plan, ChildInputs inputs) {
  static Consoles consoles;
  static Identity identity;
  supervisor_socket = inputs.supervisor;
  set_failure_sink(report_failure);
  set_created_sink(report_created);

  tie_to_supervisor(plan);
  hand_over_network(plan);
  if ((plan.namespaces & CLONE_NEWUSER) != 0) {
    wait_for(kIdsMapped);
    become_mapped_root();
    tie_to_supervisor(plan);
  }
  make_filesystems(plan, inputs.trees);
  take_dev_and_cgroups(plan, inputs.trees);
  make_cgroup_filesystems(plan, inputs.trees);
  take_own_view(plan, inputs.trees);
  enter_root(plan, inputs.trees);
  make_consoles(plan, inputs.trees.dev, consoles);
  hand_over_consoles(consoles);
  apply_mounts(plan, inputs.trees);

  set_hostname(plan);
  find_identity(plan, inputs.trees.root, identity);
  if (setsid() < 0) give_up("start session", plan.name);
  take_console(plan, consoles, identity);
  if (chdir(plan.init.directory) != 0) give_up("change directory", plan.init.directory);
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up("close descriptors", plan.name);
  apply_own_files(plan, inputs.trees);
  if (plan.wait_for_network) wait_for(kNetworkDone);
  assume_identity(plan, identity);
  execute(plan);
}

}  // namespace container
