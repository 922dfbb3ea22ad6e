#include "container/attempt.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/control_socket.hpp"
#include "container/plan_codec.hpp"

namespace container {
namespace {

using base::Code;
using protocol::Type;
using std::chrono::milliseconds;

/// Sealed: the supervisor maps it and relies on its content not changing.
base::Fd plan_file(const std::string& bytes) {
  base::Fd file(::memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) base::fail_errno(Code::SystemError, "cannot make a memory file");
  base::write_all(file.get(), bytes.data(), bytes.size(), "plan");
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
    base::fail_errno(Code::SystemError, "cannot seal the plan");
  return file;
}

void give(const std::string& path, const ContainerPlan& plan) {
  if (::lchown(path.c_str(), plan.root_uid, plan.root_gid) < 0 && errno != ENOENT)
    base::fail_errno(Code::SystemError, "cannot give '", path, "' to the container");
}

/// The container's root may arrange its own processes where that is safe: v2 and systemd's own hierarchy.
void give_payload(const cgroup::Group& group, const ContainerPlan& plan) {
  if (plan.root_uid == 0 && plan.root_gid == 0) return;
  const auto directories = group.payload_directories();
  const auto mounts = group.mounts();
  for (std::size_t i = 0; i < directories.size(); ++i) {
    const auto& mount = mounts.at(i);
    const bool named = mount.controllers == std::vector<std::string>{"name=systemd"};
    if (mount.version != 2 && !named) continue;
    give(directories[i], plan);
    for (const char* file : {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"})
      give(directories[i] + "/" + file, plan);
  }
}

}  // namespace

void Attempt::fork_supervisor() {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  parts_.control = ControlSocket(std::move(ours));
  const base::Fd birthplace = parts_.group->supervisor_directory();
  forks_.fork(theirs, birthplace.get());
  forking_ = true;
}

void Attempt::instruct_supervisor(const ContainerPlan& plan, const base::Fd& log, int empty_root,
                                  const std::vector<base::Fd>& shared_namespaces, const std::vector<base::Fd>& images,
                                  const std::vector<base::Fd>& given) {
  parts_.group->add_memory();
  const base::Fd listener = listen_at(parts_.run_directory, parts_.socket_name);
  listening_ = true;
  const std::string bytes = encode_plan(plan);
  const base::Fd file = plan_file(bytes), v2_payload = parts_.group->payload_directory();
  if (!parts_.control.send_start({.plan = file.get(),
                                  .plan_size = bytes.size(),
                                  .log = log.get(),
                                  .listener = listener.get(),
                                  .v2_payload = v2_payload.get(),
                                  .empty_root = empty_root,
                                  .shared_namespaces = shared_namespaces,
                                  .tasks = parts_.group->supervisor_tasks(),
                                  .images = images,
                                  .given = given}))
    fail_for_hang_up();
}

void Attempt::complete_group(const ContainerPlan& plan, const cgroup::Limits& limits) {
  parts_.group->complete(limits);
  give_payload(*parts_.group, plan);
  if (loading_.valid()) loading_.get();  // init goes on from here
  if (!parts_.control.send_attach(parts_.group->supervisor_tasks(), parts_.group->payload_tasks())) fail_for_hang_up();
}

void Attempt::fail_for_hang_up(int error) {
  if (error != 0)
    base::fail_errno_value(error, Code::SystemError, "guest failed to start: cannot hear from its supervisor");
  supervisor();
  // Where sending found it gone, what it said last is still to be read.
  while (true) {
    const auto message = parts_.control.receive_now();
    if (message.kind != ControlMessage::Kind::Packet) break;
    if (message.type == Type::Failed) throw start_failure(message.failed);
  }
  supervisor().wait_exit(static_cast<int>(kEndLimit.count()));
  std::string how = "without saying why";
  if (const auto status = supervisor().reap()) {
    if (WIFSIGNALED(*status)) how = "by signal " + std::to_string(WTERMSIG(*status));
    if (WIFEXITED(*status)) how = "with status " + std::to_string(WEXITSTATUS(*status));
    // One that could not even say why it gave up ends with the errno of that.
    if (WIFEXITED(*status) && protocol::is_told_errno(WEXITSTATUS(*status)))
      base::fail_errno_value(WEXITSTATUS(*status), Code::SystemError,
                             "guest failed to start: supervisor ended and could not say what failed");
  }
  base::fail(Code::InternalError, "guest failed to start: supervisor ended ", how);
}

const std::vector<std::string>& Attempt::make_network(const std::vector<LinkPlan>& plans, LinkNames& names,
                                                      ControlMessage& message) {
  if (message.fds.size() < 2) base::fail(Code::InternalError, "guest failed to start: no network namespace was sent");
  links_ =
      make_links(plans, names, message.fds[1].get(), netlink::Socket(std::move(message.fds[0])), parts_.borrower());
  for (const auto& link : links_) parts_.facts.host_links.push_back(link.host_name());
  return parts_.facts.host_links;
}

void Attempt::say_network_is_done() {
  if (!parts_.control.send(Type::NetworkDone)) fail_for_hang_up();
}

const RunningFacts& Attempt::facts() {
  parts_.facts.supervisor_pid = supervisor().pid();
  parts_.facts.supervisor_start_time = base::process_start_time(parts_.facts.supervisor_pid);
  return parts_.facts;
}

protocol::StatusMessage Attempt::await_ready(const std::function<void(ControlMessage&)>& on_network) {
  supervisor();
  while (true) {
    auto message = parts_.control.receive(deadline_);
    if (message.kind == ControlMessage::Kind::Nothing)
      base::fail(Code::OperationTimeout, "domain '", parts_.name, "' did not start within ", kStartLimit.count(), " s");
    if (message.kind == ControlMessage::Kind::HangUp) fail_for_hang_up(message.error);
    switch (message.type) {
      case Type::NetworkReady:
        on_network(message);
        break;
      case Type::Failed:
        throw start_failure(message.failed);
      case Type::Exited:  // init was executed and ended at once: a start all the same
        parts_.exit = exit_record(message.status.wait_status);
        return message.status;
      case Type::Ready:
        if (message.fds.empty()) base::fail(Code::InternalError, "guest failed to start: no init process was sent");
        parts_.init = base::PidFd(message.status.init_pid, std::move(message.fds[0]));
        return message.status;
      default:
        break;  // of a newer supervisor
    }
  }
}

ContainerParts Attempt::commit(const protocol::StatusMessage& ready) {
  parts_.take(ready);
  for (auto& link : links_) {
    if (link.host_index() != 0) parts_.links.emplace_back(link.host_name(), link.host_index());
    link.release();
  }
  parts_.group->release();
  committed_ = true;
  return std::move(parts_);
}

void Attempt::undo() noexcept {
  const auto step = [&](const auto& work) {
    try {
      work();
    } catch (const std::exception& error) {
      base::log::warning("domain '{}': undoing a failed start: {}", parts_.name, error.what());
    }
  };
  step([&] { supervisor(); });
  parts_.control = {};  // a supervisor that has not failed itself undoes its start on hang-up
  step([&] {
    if (!parts_.supervisor) return;
    if (!parts_.supervisor.wait_exit(static_cast<int>(kEndLimit.count()))) {
      parts_.supervisor.signal(SIGKILL);
      parts_.supervisor.wait_exit(static_cast<int>(kEndLimit.count()));
    }
    parts_.supervisor.reap();
  });
  step([&] {
    if (!parts_.group || parts_.group->remove(milliseconds(0))) return;
    parts_.group->kill();
    if (!parts_.group->remove(kEndLimit))
      base::log::warning("domain '{}': cgroup '{}' stays behind", parts_.name, parts_.group->path());
  });
  if (listening_) base::remove_leftover(parts_.run_directory + "/" + parts_.socket_name);
  if (loading_.valid()) loading_.wait();
  parts_.security->release(parts_.uuid);
}

}  // namespace container
