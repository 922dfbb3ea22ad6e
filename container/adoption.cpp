#include "container/adoption.hpp"

#include <signal.h>

#include <cerrno>
#include <chrono>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/pid_fd.hpp"
#include "container/channel.hpp"
#include "container/container_links.hpp"
#include "container/control_socket.hpp"
#include "container/loop_disk.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/perf_events.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;
using domain_xml::DomainDefinition;
using protocol::Type;

constexpr std::chrono::milliseconds kAskAgain{20};

/// The supervisor of `facts`, if the process with that number is still it.
base::PidFd find_supervisor(const RunningFacts& facts) {
  if (facts.supervisor_pid <= 0) return {};
  auto process = base::PidFd::open(facts.supervisor_pid);
  if (!process || process->wait_exit(0)) return {};
  if (base::process_start_time(facts.supervisor_pid) != facts.supervisor_start_time) return {};
  return std::move(*process);
}

/// An older supervisor's messages are this one's with less at their ends; what a newer one's mean is not known.
void require_known_version(const ControlMessage& message) {
  const auto version = message.status.header.version;
  if (!from_newer_build(message.status.header)) return;
  base::fail(Code::OperationUnsupported, "its supervisor is of a newer lxcell (protocol ", version,
             "): it goes on by itself until a daemon of that version is back");
}

/// The descriptors went with the daemon that had them, and what they had counted.
void count_perf_events_again(const DomainDefinition& live, cgroup::Group& group) {
  const auto names = domain_xml::perf_events(live);
  if (names.empty()) return;
  try {
    group.update({.perf_events = names});
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': {}", live.name, error.message());
  }
}

/// What the supervisor answers to a Query on a new connection; HangUp when it has closed that.
ControlMessage ask_status(ControlSocket& control, pid_t supervisor, Deadline deadline) {
  ControlMessage message;
  message.kind = ControlMessage::Kind::HangUp;
  if (!control.send(Type::Query)) return message;
  do {
    message = control.receive(deadline);
    if (message.error != 0)  // not its fault, and no reason to end its container
      base::fail_errno_value(message.error, Code::SystemError, "cannot hear from supervisor ", supervisor);
  } while (message.kind == ControlMessage::Kind::Packet && message.type != Type::Status &&
           message.type != Type::Exited);
  return message;
}

}  // namespace

bool find_again(const DomainDefinition& live, ContainerParts& parts, RootTargets& targets) {
  parts.supervisor = find_supervisor(parts.facts);
  if (!parts.supervisor || !parts.group) return false;
  const Deadline deadline = Clock::now() + kAdoptLimit;
  ControlMessage message;
  do {
    parts.control = ControlSocket(connect_to(parts.run_directory, parts.socket_name));
    if (!parts.control) return false;
    message = ask_status(parts.control, parts.supervisor.pid(), deadline);
  } while (message.kind == ControlMessage::Kind::HangUp && Clock::now() < deadline &&
           !parts.supervisor.wait_exit(static_cast<int>(kAskAgain.count())));
  if (message.kind != ControlMessage::Kind::Packet) {
    if (parts.supervisor.wait_exit(0)) return false;
    base::fail_errno_value(ETIMEDOUT, Code::SystemError, "cannot hear from supervisor ", parts.supervisor.pid());
  }
  require_known_version(message);
  parts.take(message.status);
  if (message.status.exited) {
    parts.exit = exit_record(message.status.wait_status);
  } else {
    if (message.fds.empty())  // which is what the kernel does with one that there is no room for (unix(7))
      base::fail_errno_value(EMFILE, Code::SystemError, "cannot take init's descriptor from supervisor ",
                             parts.supervisor.pid());
    parts.init = base::PidFd(message.status.init_pid, std::move(message.fds[0]));
  }
  const auto* const root = find_root(live);
  if (root && root->type == domain_xml::FilesystemType::Mount) parts.root = targets.enter(root->source);
  // Some may only have been about to be made when the daemon before this one ended.
  std::erase_if(parts.facts.mount_points, [&](const std::string& point) { return !parts.root.has(point); });
  parts.security->adopt(live);
  netlink::Socket host_socket;
  for (const auto& name : parts.facts.host_links)
    if (const auto index = netlink::find_link(host_socket, name)) parts.links.emplace_back(name, *index);
  count_perf_events_again(live, *parts.group);
  return true;
}

void remove_leftovers(const DomainDefinition& live, ContainerParts& parts, LinkNames& names) {
  base::log::warning("domain '{}': its supervisor {} is gone, removing what is left", live.name,
                     parts.facts.supervisor_pid);
  if (parts.supervisor) {
    parts.supervisor.signal(SIGKILL);
    parts.supervisor.wait_exit(static_cast<int>(kEndLimit.count()));
    parts.supervisor.reap();
  }
  if (parts.group && !parts.group->processes().empty()) {
    netlink::Socket host_socket;
    for (const auto& name : parts.facts.host_links)
      if (const auto index = netlink::find_link(host_socket, name)) names.retire(name, *index);
    parts.group->kill();
  }
  if (parts.group && !parts.group->remove(kEndLimit))
    base::log::warning("domain '{}': cgroup '{}' stays behind", live.name, parts.group->path());
  undo_links(parts.borrower());
  detach_loops_of(base::format_uuid(live.uuid));
  parts.security->release(live.uuid);
  if (parts.facts.supervisor_pid > 0)
    parts.audit->write(end_records(live.name, live.uuid, parts.facts.supervisor_pid, "failed"));
  base::remove_leftover(parts.run_directory + "/" + parts.socket_name);
}

}  // namespace container
