// Messages between daemon and supervisor over a SOCK_SEQPACKET socket: fixed-size structs, descriptors by SCM_RIGHTS.
// The first connection is inherited as descriptor 3; later daemons connect to the listening socket passed in Start.
// Versioned: a newer daemon must be able to talk to an older, still running supervisor.
#pragma once

#include <cstdint>

namespace container::protocol {

// Higher whenever an older daemon could not manage a supervisor of this build. Tests of upgrades build another.
#ifdef LXCELL_PROTOCOL_VERSION
constexpr std::uint32_t kVersion = LXCELL_PROTOCOL_VERSION;
#else
constexpr std::uint32_t kVersion = 1;
#endif
constexpr int kControlFd = 3;
constexpr std::uint32_t kMaxConsoles = 16;

/// Who cannot say what failed ends with its errno. An exit status of 1 is none, and above 126 is what shells and
/// signals mean.
constexpr bool is_told_errno(int number) {
  return number > 1 && number <= 126;
}
constexpr int exit_status_of(int error) {
  return is_told_errno(error) ? error : 1;
}

enum class Type : std::uint32_t {
  // daemon → supervisor
  // StartMessage; fds: plan memfd, log, listening socket, [v2 payload directory], [mount namespace with an empty root],
  // namespaces to take over from others, the v1 tasks files the supervisor joins by before it makes anything,
  // mounts of the plan's images, descriptors for init
  Start = 1,
  NetworkDone = 2,  // links are in place and configured: init may be exec'ed
  // number = index; fd: one end of a SOCK_STREAM pair, bytes both ways from now on. The supervisor closes it when there
  // are four viewers already, or when init has ended and all output was sent
  OpenConsole = 3,
  Query = 4,    // answered with Status
  Release = 5,  // exit status has been taken: the supervisor may end. Ignored while init runs
  Attach = 6,   // the cgroups are complete; fds: the v1 tasks files of the supervisor (number tells how many), of init
  // to a template of supervisors, which is one that gets this before anything else; fds: none at first, then a copy's
  // control socket and [the v2 directory it is born in]. The copy says Forked there, and Start is for it
  Fork = 7,
  // supervisor (or, for NetworkReady, its child) → daemon
  NetworkReady = 16,  // fds: NETLINK_ROUTE socket of the new network namespace, the namespace itself
  Ready = 17,         // init exec'ed: StatusMessage follows the header; fd: init's pidfd
  Failed = 18,  // FailedMessage; the supervisor ends by itself, nothing of the container is left, no made mount point
  Status = 19,  // StatusMessage; fd: init's pidfd while it runs
  Exited = 20,  // StatusMessage with exited and wait_status, when viewers have had the last output (or have not taken
                // it for 0.1 s); repeated to every daemon that connects until Release
  Forked = 21,  // number = its pid; fd: its pidfd
};

struct Header {
  Type type;
  std::uint32_t version;
  std::uint32_t number;  // by type
  std::uint32_t size;    // of what follows in this packet
};

struct StartMessage {
  Header header;
  std::uint64_t plan_size;
  std::uint32_t has_v2_directory, has_empty_root;
  std::uint32_t shared_namespaces;  // how many
  std::uint32_t first_files;        // how many tasks files
  std::uint32_t images;             // how many mounts
  std::uint32_t given;              // how many descriptors for init
};

struct StatusMessage {
  Header header;
  std::int32_t init_pid;     // as seen from the host
  std::uint32_t exited;      // 0 or 1
  std::int32_t wait_status;  // as wait(2) gives it
  std::uint32_t consoles;
  char console_paths[kMaxConsoles][32];  // host ptys, "/dev/pts/7"
  std::uint32_t created_size;            // bytes used in `created`
  char created[4096];  // NUL-terminated container paths of mount targets that had to be made in the image, in order
};

/// Steps a user's definition can cause: "open root", "open root overlay", "make root overlay", "set resource limit",
/// "open mount source", "open console log", "find mount target", "mount", "set mount attributes", "mask", "idmap
/// mount", "write id map", "set host name", "find user", "find group" (error 0: no such name), "change directory",
/// "load seccomp program", "exec". The others ("clone", "make /dev", "enter cgroup" ...) speak of the host.
struct FailedMessage {
  Header header;
  std::int32_t error;  // errno, 0 if none
  char step[64];       // "mount", "exec" ...
  char object[512];    // path or name the step was about
};

}  // namespace container::protocol
