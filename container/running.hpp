// A running container as the daemon holds it: its supervisor, its init, its cgroup, its network ends. The daemon may
// die and a later one take the same container over with adopt(); nothing here keeps the container alive or kills it by
// being destroyed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "cgroup/limits.hpp"
#include "cgroup/stat_reader.hpp"
#include "container/guest_files.hpp"
#include "container/guest_network.hpp"
#include "container/traffic.hpp"
#include "domain-xml/definition.hpp"

namespace container {

enum class ExitCause {
  Exited,          // init ended by itself; wait_status tells how
  Reboot,          // guest called reboot(2) RESTART: the kernel ends init with SIGHUP
  PowerOff,        // guest called reboot(2) HALT or POWER_OFF: SIGINT
  OutOfMemory,     // init was killed by the kernel's OOM killer
  SupervisorLost,  // the supervisor died; the payload has been killed
};

struct ExitRecord {
  ExitCause cause = ExitCause::Exited;
  int wait_status = 0;  // as wait(2) gives it
  bool operator==(const ExitRecord&) const = default;
};

/// Which signals init understands: systemd(1), busybox's init, or whatever it is.
enum class InitKind { Plain, Systemd, Busybox };

/// What must be on disk to find a container again (driver/store writes it).
struct RunningFacts {
  pid_t supervisor_pid = -1;
  unsigned long long supervisor_start_time = 0;  // proc(5) field 22
  pid_t init_pid = -1;
  std::string cgroup_partition, cgroup_leaf;
  std::vector<std::string> host_links;     // "vnet0" per interface, then per lent link; empty when it has no host end
  std::vector<std::string> console_paths;  // host pty per console, in order
  // Made in the image for filesystems that came later, in order; while such a change is being made, what it may make.
  std::vector<std::string> mount_points;
  bool operator==(const RunningFacts&) const = default;
};

/// Where the host has the ends of a definition's consoles.
void show_consoles(domain_xml::DomainDefinition& live, const RunningFacts& facts);

class Running {
 public:
  virtual ~Running() = default;

  /// The domain id clients see.
  virtual pid_t id() const = 0;
  /// Changes while interfaces and filesystems come and go: for whoever makes them do so, under the domain's job.
  virtual const RunningFacts& facts() const = 0;

  /// `call` runs once on the loop thread when init has ended and everything it wrote to its consoles was taken.
  /// If that happened before this call, it is posted at once. Set right after launch or adopt.
  virtual void on_exit(std::function<void(ExitRecord)> call) = 0;

  virtual void suspend() = 0;
  virtual void resume() = 0;
  virtual bool suspended() const = 0;

  /// SIGKILL to init through its pidfd (thawed if frozen), waits until it is gone. on_exit is still called.
  virtual void kill() = 0;
  /// After init has ended: lets the supervisor go, removes cgroup, state files, stale links. Never throws; logs what
  /// stays behind.
  virtual void clean_up() noexcept = 0;

  /// Signal `number` to init. False if it is gone.
  virtual bool signal_init(int number) = 0;
  /// Writes a sysvinit runlevel request ('0' or '6') to the container's own initctl FIFO; false if it has none.
  virtual bool request_runlevel(char runlevel) = 0;
  /// By its program and the name it was started by; Plain once it has ended.
  virtual InitKind init_kind() const = 0;

  /// A socket that carries console `index`'s bytes both ways; unread output comes first. Never blocks the container.
  virtual base::Fd open_console(std::size_t index) = 0;
  /// Descriptors of init's namespaces in libvirt's order: user, ipc, uts, net, pid, mnt.
  virtual std::vector<base::Fd> open_namespaces() const = 0;
  /// Reads nothing but what is asked, and never waits. Throws OperationInvalid when the container has ended.
  virtual cgroup::Usage usage(cgroup::Ask asked, cgroup::Keep keep) const = 0;
  /// Closes what usage() has kept open.
  virtual void close_kept_files() const = 0;

  /// Makes the kernel enforce what `after` says where it differs from `before`, the definition until now. All or
  /// nothing.
  virtual void change_limits(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after) = 0;
  /// Makes and removes nodes of disks and host devices where `after` has others than `before`, and changes who may use
  /// them. All or nothing. Throws OperationFailed when something is in a new node's place, else as a start would.
  virtual void change_devices(const domain_xml::DomainDefinition& before,
                              const domain_xml::DomainDefinition& after) = 0;
  /// Unmounts and mounts filesystems where `after` has others than `before`, and makes mount points as a start would.
  /// All or nothing. Throws ResourceBusy when one that is to go is in use, else as a start would. `prepared` is called
  /// before anything is made, when facts() has what may be.
  virtual void change_filesystems(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                                  const std::function<void()>& prepared) = 0;
  /// Makes `interface` in the running container as a start would, and gives it back as it runs: with the name of its
  /// end on the host and the one inside. All or nothing. Throws OperationInvalid when the container has no network of
  /// its own or has ended, SystemError otherwise.
  virtual domain_xml::Interface attach_interface(const domain_xml::Interface& interface) = 0;
  /// Removes what attach_interface() or the start has made; one that is gone already is success.
  virtual void detach_interface(const domain_xml::Interface& live) = 0;
  /// Link state, mtu, bandwidth, bridge and the isolation of its port where they differ. All or nothing.
  virtual void update_interface(const domain_xml::Interface& before, const domain_xml::Interface& after) = 0;

  /// Of an interface that has no end on the host to be counted at; nullopt when it is gone.
  virtual std::optional<Traffic> traffic_inside(const domain_xml::Interface& live) const = 0;
  /// Interfaces with their addresses, and the hostname, as the container's processes see them. Throw OperationInvalid
  /// when it has ended.
  virtual std::vector<GuestLink> guest_links() const = 0;
  virtual std::string hostname() const = 0;

  // The container's own files, as its processes see them. Throw OperationInvalid when it has ended, OperationTimeout
  // when a file system in it does not answer.

  virtual GuestFiles guest_files() const = 0;
  /// Those with files of their own, without sizes and never waiting; measured: with sizes.
  virtual std::vector<GuestMount> file_systems() const = 0;
  virtual std::vector<GuestMount> measured_file_systems() const = 0;
  // File systems that are the container's alone: those at `paths`, or all. Frozen ones thaw before the container ends,
  // and with the daemon. Throw OperationUnsupported when it has none, InvalidArg naming a path that is none.

  /// How many are frozen by this.
  virtual unsigned freeze_file_systems(const std::vector<std::string>& paths) = 0;
  /// How many were frozen.
  virtual unsigned thaw_file_systems(const std::vector<std::string>& paths) = 0;
  virtual void trim_file_systems(const std::vector<std::string>& paths, std::uint64_t minimum) = 0;
  /// `hash` as in crypt(5). Throws OperationFailed when the container has no such user.
  virtual void set_password(const std::string& user, const std::string& hash) = 0;

  /// What the kernel enforces now.
  virtual cgroup::Limits limits() const = 0;
  /// The processors the supervisor runs on (<emulatorpin>), in list syntax.
  virtual std::string supervisor_cpus() const = 0;
};

}  // namespace container
