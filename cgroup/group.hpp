// One container's cgroup in every hierarchy: made with its limits, known by directory descriptors, removed by its
// owner. Below it live two leaves, "supervisor" and "payload"; the payload leaf is the container's own cgroup namespace
// root.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "cgroup/hierarchy.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/oom_events.hpp"
#include "cgroup/stat_reader.hpp"
#include "cgroup/stats.hpp"

namespace cgroup {

/// Which processes a call means: the container's own, or the supervisor as well.
enum class Scope { Payload, Everything };

/// Where the payload of the group `partition`/`leaf` lives in a hierarchy: a directory below the group's own, but for
/// v1 hierarchies that do without.
std::string payload_path(const Mount& mount, const std::string& partition, const std::string& leaf);
/// Whether what limits the container is in that very directory, so that it must not write there.
bool has_limits_in_payload(const Mount& mount);

class Group {
 public:
  static constexpr std::chrono::milliseconds kFreezeTimeout{2000};

  /// Makes `partition`/`leaf` (e.g. "/machine" and "lxc-web.libvirt-lxc") in every hierarchy in use, each missing part
  /// of the partition included, enables controllers top-down, applies `limits`. Everything made is undone on failure.
  /// Throws OperationFailed if such a group exists and has processes; an empty left-over is removed and made anew.
  static Group create(const Hierarchy& hierarchy, const std::string& partition, const std::string& leaf,
                      const Limits& limits);
  /// The same in three steps, for a supervisor that sets up while the rest is made. begin() makes what a process is
  /// born into: v2, the directories below. add_memory() makes what it joins before it does anything, lest its memory be
  /// charged to somebody else: v1 memory, all that supervisor_tasks() has then. complete() makes the others and applies
  /// the limits.
  static Group begin(const Hierarchy& hierarchy, const std::string& partition, const std::string& leaf);
  void add_memory();
  void complete(const Limits& limits);
  /// Finds the group a previous daemon made; nullopt if its directories are gone. Like one released: the destructor
  /// leaves it.
  static std::optional<Group> open(const Hierarchy& hierarchy, const std::string& partition, const std::string& leaf);

  Group(Group&&) noexcept;
  Group& operator=(Group&&) noexcept;
  /// Removes the directories (processes in them are left alone and keep them alive) unless release() was called.
  ~Group();
  /// Commit: the directories outlive this object (the daemon stops, containers keep running).
  void release() noexcept;

  /// "/machine/lxc-web.libvirt-lxc": the path below each mount.
  const std::string& path() const;
  /// How a process gets in. v2: born there by clone3 with CLONE_INTO_CGROUP, because writing cgroup.procs waits for RCU
  /// even for the writer itself (measured 12 ms). Empty when no v2 hierarchy is mounted.
  base::Fd supervisor_directory() const;
  base::Fd payload_directory() const;
  /// v1: the single-threaded process writes "0" to each of these `tasks` files itself; another process's pid would wait
  /// for RCU (measured 10 ms).
  std::vector<base::Fd> supervisor_tasks() const;
  std::vector<base::Fd> payload_tasks() const;

  /// Directories (one per hierarchy) for the payload leaf, with the mount each belongs to: for mounting inside the
  /// container and for giving to the mapped root.
  std::vector<std::string> payload_directories() const;
  /// The hierarchies this group is in, in the order of payload_directories().
  std::vector<Mount> mounts() const;

  /// The payload only: the supervisor goes on serving consoles and the daemon. Waits until frozen (v2 by its event, v1
  /// has none); throws OperationFailed after kFreezeTimeout, thawed again then.
  void freeze();
  void thaw();
  bool frozen() const;
  /// SIGKILL to everything in the group (cgroup.kill on v2, signal loop on v1), then thaws v1 so that frozen ones can
  /// die. Does not wait.
  void kill(Scope scope = Scope::Everything);
  /// Pids in the group and below.
  std::vector<int> processes(Scope scope = Scope::Everything) const;
  /// rmdir of leaves and group; waits for dying processes up to `limit` using cgroup.events / short re-tries. False if
  /// still busy.
  bool remove(std::chrono::milliseconds limit);

  /// Live change of what is set in `limits` (members that are nullopt or empty stay as they are). All or nothing, but
  /// for a device policy.
  void update(const Limits& limits);
  /// What the kernel enforces now; `devices` is not read back. Unlimited memory is absent.
  Limits limits() const;
  /// Reads nothing but what is asked. Empty once the group is gone. Throws OperationUnsupported for Ask::PerCpu where
  /// read_per_cpu_time() does.
  Usage usage(Ask asked, Keep keep = Keep::Closed) const;
  /// Keeps one descriptor rather than one per hierarchy until remove(), for a host with very many containers: calls
  /// take some ten microseconds longer then.
  void spare_descriptors();
  /// Closes the files that usage() has kept open.
  void close_kept_files() const;
  /// nullopt without a memory hierarchy.
  std::optional<OomSource> oom_source() const;

 private:
  struct Impl;
  explicit Group(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgroup
