// Everything about a start that can be decided before anything exists, as plain values. plan_container() makes it
// (pure), plan_codec turns it into bytes, the supervisor carries it out and decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace container {

enum class MountKind : std::uint8_t {
  Filesystem,  // fsopen(fstype), fsconfig(source, options), fsmount(attributes), move_mount to target
  Bind,        // open_tree(host source), attributes, idmapped if asked, move_mount to target
  BindInside,  // the same with a source inside the container, resolved beneath the new root
  Attributes,  // mount_setattr on an existing mount at target (read-only remount and the like)
  Mask,        // hide: a file gets /dev/null, a directory an empty read-only tmpfs; a missing target is fine
  OwnFile,     // the file `source` of the supervisor's own view; skipped where the host cannot have one
  Cgroup,      // open_tree(the payload's directory) once its cgroups are complete, attributes, move_mount to target
  Image,       // the file system in `source`, a file (fstype "loop") or device (fstype "block"), mounted by the daemon
};

enum class CreateTarget : std::uint8_t { No, Directory, File };

struct MountStep {
  MountKind kind = MountKind::Filesystem;
  std::string source;
  std::string target;  // absolute inside the container; resolved with RESOLVE_IN_ROOT, symlinks cannot lead out
  std::string fstype;
  std::string options;  // "size=64k,mode=755": one fsconfig each; a word without '=' is a flag. Values may be in quotes
  // MOUNT_ATTR_* (mount_setattr(2)), added to what a mount has: a bind of a read-only mount stays read-only. Only an
  // atime mode replaces the one before.
  std::uint64_t attributes = 0;
  // Made if missing. What was made in the image itself is reported back and removed again after the stop; what was made
  // inside another mount (a bind source, a tmpfs) is not.
  CreateTarget create = CreateTarget::No;
  bool recursive = false;   // binds: with the mounts below the source, attributes on all; Attributes: AT_RECURSIVE
  bool optional = false;    // a missing source, target or file system type skips the step
  bool idmapped = false;    // Bind, Image: shifted through the container's user namespace
  bool detachable = false;  // the definition's: may be unmounted while the container runs
  bool operator==(const MountStep&) const = default;
};

struct DeviceNode {
  std::string path;  // below /dev: "null", "net/tun"; parents are made
  char type = 'c';   // 'c' or 'b'
  std::uint32_t major = 0, minor = 0, mode = 0666;
  bool operator==(const DeviceNode&) const = default;
};

struct Symlink {
  std::string path;  // below /dev
  std::string target;
  bool operator==(const Symlink&) const = default;
};

struct CapabilitySets {
  std::uint64_t bounding = 0;  // permitted and effective too
  std::uint64_t inheritable = 0;
  std::uint64_t ambient = 0;
  bool operator==(const CapabilitySets&) const = default;
};

struct ResourceLimit {
  std::uint32_t resource = 0;  // RLIMIT_*
  std::uint64_t soft = 0, hard = 0;
  bool operator==(const ResourceLimit&) const = default;
};

/// set_mempolicy(2) of everything in the container, which inherits it.
struct MemoryPolicy {
  std::uint32_t mode = 0;  // MPOL_*; MPOL_DEFAULT: none is set
  std::string nodes;       // the call's mask: machine words
  bool operator==(const MemoryPolicy&) const = default;
};

/// <log> of a console: everything that is written to it.
struct ConsoleLog {
  std::string file;  // on the host; empty: none
  bool append = false;
  bool operator==(const ConsoleLog&) const = default;
};

/// What the supervisor computes the container's own /proc/meminfo and the like from (own_view).
struct OwnView {
  bool served = false;
  std::string memory_directory;  // the container's cgroup that limits memory, "" if none does
  std::uint32_t memory_version = 0;
  std::string cpuset_directory;  // the payload's, "" likewise, as those that follow
  std::string cpu_directory;     // that counts CPU time
  std::uint32_t cpu_version = 0;
  std::string io_directory;  // that counts what disks do
  std::uint32_t io_version = 0;
  std::string tasks_directory;  // that has all its processes, in itself and below
  bool operator==(const OwnView&) const = default;
};

struct InitPlan {
  std::string path;
  std::vector<std::string> arguments;    // argv, [0] included
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory = "/";
  std::string user, group;  // names or numbers, looked up inside the container; empty: 0
  bool operator==(const InitPlan&) const = default;
};

struct ContainerPlan {
  std::string name;                          // the domain's, for messages
  std::string hostname;                      // empty: keep (shared uts)
  std::uint64_t namespaces = 0;              // CLONE_NEW* given to clone3; CLONE_NEWCGROUP is unshared after attaching
  std::string uid_map, gid_map;              // /proc/PID/{u,g}id_map text; empty without user namespace
  std::uint32_t root_uid = 0, root_gid = 0;  // host ids of the container's root, for nodes made outside

  std::string root_source;     // host directory that becomes "/", with the mounts below it
  bool root_readonly = false;  // from the start for mounts below it, for the root itself once all mount points are made
  bool root_idmapped = false;
  bool root_overlay = false;      // overlayfs over root_source, mounts below that left out
  std::string overlay_directory;  // holds "upper" and "work"; empty: a tmpfs of its own does
  std::string overlay_options;    // of that tmpfs: "size=64m"
  std::vector<MountStep> mounts;  // in order, after pivot_root, /dev, /dev/pts and the consoles
  std::string dev_options;  // tmpfs options of /dev; the supervisor makes it with its nodes, the child moves it in
  std::vector<DeviceNode> nodes;
  std::vector<Symlink> links;
  // ptys; /dev/console and /dev/tty1 are the first, tty2.. the others. The supervisor makes them, pts and ptmx itself.
  std::uint32_t consoles = 1;
  std::string devpts_options;  // "newinstance,max=512,ptmxmode=0666,mode=0620,gid=5"

  bool wait_for_network = false;  // exec only after the daemon said NetworkDone
  bool loopback_up = false;
  CapabilitySets capabilities;
  bool no_new_privs = false;
  std::string seccomp;  // struct sock_filter[] as bytes, empty: none
  bool personality_32bit = false;
  std::vector<ResourceLimit> resource_limits;
  OwnView own_view;
  InitPlan init;
  MemoryPolicy memory_policy;
  std::string security_file, security_label;  // written there just before exec; empty: none
  std::vector<ConsoleLog> console_logs;       // of the first consoles, in order
  std::string root_image;  // what root_source is instead of a directory: "loop" or "block", as of MountKind::Image
  bool operator==(const ContainerPlan&) const = default;
};

/// One step per line, for logs and for comparing plans in tests.
std::string print_plan(const ContainerPlan& plan);

}  // namespace container
