// A container with a supervisor: what Launcher::launch and adopt hand out. Its control socket is watched on the loop.
//
// Threads: on_exit's call runs on the loop. All methods may be called from any worker; kill, clean_up, suspend, resume
// and the destructor under the domain's job, i.e. one at a time. None may be called on the loop thread except id, facts
// and on_exit.
#pragma once

#include <sys/eventfd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/event_loop.hpp"
#include "base/pid_fd.hpp"
#include "cgroup/group.hpp"
#include "container/audit.hpp"
#include "container/control_socket.hpp"
#include "container/lent_links.hpp"
#include "container/link_names.hpp"
#include "container/own_file_systems.hpp"
#include "container/root_targets.hpp"
#include "container/running.hpp"
#include "container/scope_keeper.hpp"
#include "container/security.hpp"

namespace container {

/// How long what has been killed may take to be gone.
inline constexpr std::chrono::milliseconds kEndLimit{2000};

/// Everything a container has on the host. Plain: nothing is released by destroying it but descriptors.
struct ContainerParts {
  std::string name;
  base::Uuid uuid;
  std::shared_ptr<Security> security;
  std::shared_ptr<Audit> audit;
  bool killed = false;  // by this daemon
  RunningFacts facts;
  ControlSocket control;
  base::PidFd supervisor;
  base::PidFd init;  // empty if it ended while no daemon was there
  std::optional<ExitRecord> exit;
  base::Fd ended{::eventfd(0, EFD_CLOEXEC)};  // readable once `exit` is set: wakes a worker when the loop was first
  ScopeKeepers::Use scope;                    // none where systemd is not, nor for a container that was found again
  std::optional<cgroup::Group> group;
  RootTargets::Use root;
  std::string created;  // mount points made in the image, as in protocol::StatusMessage
  std::string run_directory, socket_name, log_path;
  bool adopted = false;                            // was running before this daemon
  bool loops = false;                              // may have files as disks
  std::vector<std::pair<std::string, int>> links;  // host ends and their indices
  Borrower borrower() const { return {run_directory, name, base::format_uuid(uuid)}; }
  /// What its supervisor says about it.
  void take(const protocol::StatusMessage& status) {
    facts.init_pid = status.init_pid;
    facts.console_paths.assign(status.console_paths, status.console_paths + status.consoles);
    created.assign(status.created, status.created_size);
  }
};

/// wait(2)'s status, as libvirt's clients are told about it.
ExitRecord exit_record(int wait_status);

class SupervisedContainer final : public Running {
 public:
  SupervisedContainer(base::EventLoop& loop, std::shared_ptr<LinkNames> names, ContainerParts parts);
  ~SupervisedContainer() override;
  SupervisedContainer(const SupervisedContainer&) = delete;
  SupervisedContainer& operator=(const SupervisedContainer&) = delete;

  pid_t id() const override;
  const RunningFacts& facts() const override;
  void on_exit(std::function<void(ExitRecord)> call) override;
  void suspend() override;
  void resume() override;
  bool suspended() const override;
  void kill() override;
  void clean_up() noexcept override;
  bool signal_init(int number) override;
  bool request_runlevel(char runlevel) override;
  InitKind init_kind() const override;
  base::Fd open_console(std::size_t index) override;
  std::vector<base::Fd> open_namespaces() const override;
  cgroup::Usage usage(cgroup::Ask asked, cgroup::Keep keep) const override;
  void close_kept_files() const override;
  void change_limits(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after) override;
  void change_devices(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after) override;
  void change_filesystems(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after,
                          const std::function<void()>& prepared) override;
  domain_xml::Interface attach_interface(const domain_xml::Interface& interface) override;
  void detach_interface(const domain_xml::Interface& live) override;
  void update_interface(const domain_xml::Interface& before, const domain_xml::Interface& after) override;
  std::optional<Traffic> traffic_inside(const domain_xml::Interface& live) const override;
  std::vector<GuestLink> guest_links() const override;
  std::string hostname() const override;
  GuestFiles guest_files() const override;
  std::vector<GuestMount> file_systems() const override;
  std::vector<GuestMount> measured_file_systems() const override;
  void set_password(const std::string& user, const std::string& hash) override;
  unsigned freeze_file_systems(const std::vector<std::string>& paths) override;
  unsigned thaw_file_systems(const std::vector<std::string>& paths) override;
  void trim_file_systems(const std::vector<std::string>& paths, std::uint64_t minimum) override;
  cgroup::Limits limits() const override;
  std::string supervisor_cpus() const override;

 private:
  struct Shared;  // what the loop's callbacks reach
  void await_exit(Deadline deadline);
  void dismiss_supervisor();
  void remove_group();
  void require_running_init() const;
  template <typename Look>
  auto look_at_init(Look&& look) const;
  base::Fd open_namespace(const char* name) const;
  GuestPlace guest_place() const;
  std::vector<OwnFileSystem> own_file_systems(const std::vector<std::string>& paths) const;
  void thaw_all() noexcept;
  domain_xml::Interface make_interface(const domain_xml::Interface& interface);
  void remove_interface(const domain_xml::Interface& live);
  void exchange_devices(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after);
  void enforce_limits(const domain_xml::DomainDefinition& before, const domain_xml::DomainDefinition& after);
  /// Writes how a change of an interface ended.
  std::function<void(bool)> audit_interface(const char* reason, const domain_xml::Interface& interface);
  void require_group() const;

  base::EventLoop& loop_;
  std::shared_ptr<LinkNames> names_;
  std::shared_ptr<Shared> shared_;
  mutable std::shared_mutex group_mutex_;  // exclusive: the group is being removed
  std::mutex frozen_mutex_;
  std::vector<OwnFileSystem> frozen_;
};

}  // namespace container
