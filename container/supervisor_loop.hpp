// The supervisor after clone: waits for the child to become init, then relays its consoles, answers daemons and keeps
// the exit status until one has taken it. Sleeps in one epoll_wait; an idle container never wakes it.
#pragma once

#include <sys/types.h>

#include "container/plan_view.hpp"

namespace container {

struct Supervised {
  PlanView plan;
  std::uint64_t started = 0;  // nanoseconds of the boot clock
  int control = -1;           // the daemon
  int listener = -1;          // where later daemons connect
  int child = -1;             // SEQPACKET to init and its builder, until exec
  int dev = -1;               // the child's /dev, until it has been handed over
  int own_view = -1;          // the mount of its own view, likewise
  pid_t init_pid = 0;
  int init_pidfd = -1;
  pid_t builder_pid = 0;  // of a container with a user namespace, until it has ended
  int builder_pidfd = -1;
};

/// Tells the daemon of a failed start after undoing what was done; for set_failure_sink.
void report_failed_start(const char* step, const char* object, int error);

/// Used by both of them; one per process.
extern Supervised supervised;

/// join_cgroups() for the supervisor, which closes the files.
void enter_own_cgroups(const int* files, int count);
/// What the daemon has sent by now, or its end.
void look_at_control();
/// The first that the child says, for the daemon takes its time to make links.
void look_for_network();
/// Makes the container's own view and hands it over once the child has been told to go on.
void prepare_own_view();
/// Host ptys; may run while the child builds its mounts.
void open_host_consoles();
[[noreturn]] void run_loop();

}  // namespace container
