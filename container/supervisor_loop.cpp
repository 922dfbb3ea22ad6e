#include "container/supervisor_loop.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "container/channel.hpp"
#include "container/console_relay.hpp"
#include "container/failure.hpp"
#include "container/mount_target.hpp"
#include "container/mounts.hpp"
#include "container/namespaces.hpp"
#include "container/own_view.hpp"
#include "container/small_text.hpp"
#include "container/system_calls.hpp"

namespace container {

using protocol::StatusMessage;
using protocol::Type;

Supervised supervised;

namespace {

enum Tag : std::uint32_t { kControlTag, kListenerTag, kChildTag, kInitTag, kBuilderTag, kOwnViewTag, kConsoleTag = 16 };
constexpr std::uint32_t kSlotsPerConsole = 16;
/// How long viewers that do not drain their socket may hold back the news of init's end.
constexpr std::int64_t kLastOutputMilliseconds = 100;

int epoll = -1;
std::uint32_t console_count = 0;
Console* held_consoles = nullptr;  // console_count of them: memory is touched only for those that exist
StatusMessage status;
protocol::FailedMessage first_failure;
ChildRecord record;  // what was received last, from the child
Received received;   // or from a daemon
bool executing = false, ready = false, ended = false;
bool control_watched = false, end_told = false;
int builder_status = 0;  // as wait(2) gives it, once it has ended
bool attached = false, own_view_made = false, network_passed_on = false;
std::int64_t viewers_deadline = 0;

bool try_watch(int fd, std::uint32_t tag) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u32 = tag;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void watch(int fd, std::uint32_t tag) {
  if (!try_watch(fd, tag)) give_up("watch descriptor", supervised.plan.name);
}

void unwatch_and_close(int& fd) {
  if (fd < 0) return;
  epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
  close(fd);
  fd = -1;
}

void log_line(const char* first, const char* second, const char* third = "") {
  SmallText<1024> line;
  line << "supervisor: " << first << second << third << "\n";
  if (write(STDERR_FILENO, line.c_str(), line.size()) < 0) return;  // a full disk is no reason to stop
}

void reap(pid_t pid, int* wait_status) {
  while (waitpid(pid, wait_status, 0) < 0 && errno == EINTR) {
  }
}

/// Both are ours and not yet reaped, so the pids are nobody else's. Init ends when its pid namespace is empty, so the
/// builder has to be reaped before.
void kill_children(int* of_init) {
  kill(supervised.init_pid, SIGKILL);
  if (supervised.builder_pid > 0) {
    kill(supervised.builder_pid, SIGKILL);
    reap(supervised.builder_pid, &builder_status);
    supervised.builder_pid = 0;
  }
  reap(supervised.init_pid, of_init);
  supervised.init_pid = 0;
}

void remember_created(const char* path) {
  const std::size_t size = std::strlen(path) + 1;
  if (size > sizeof status.created - status.created_size) return log_line("will stay in the image: ", path);
  std::memcpy(status.created + status.created_size, path, size);
  status.created_size += static_cast<std::uint32_t>(size);
}

/// The first that is told stays.
void remember_failure(const char* step, const char* object, int error) {
  if (first_failure.step[0] != 0) return;
  std::strncpy(first_failure.step, step, sizeof first_failure.step - 1);
  std::strncpy(first_failure.object, object, sizeof first_failure.object - 1);
  first_failure.error = error;
}

/// What the child has said and we have not read: what we fail with may have come of its end, and after it was killed
/// there may be mount points that it made.
void take_records() {
  for (;;) {
    receive_packet(supervised.child, &record, sizeof record - 1, received, MSG_DONTWAIT);
    if (received.size <= 0) return;
    record.object[sizeof record.object - 1] = 0;
    if (record.record == Record::Created) remember_created(record.object);
    if (record.record == Record::Failed) remember_failure(record.step, record.object, record.error);
    for (int i = 0; i < received.fd_count; i++) close(received.fds[i]);
  }
}

void undo_start() {
  if (supervised.init_pid > 0) kill_children(nullptr);
  if (supervised.child >= 0) take_records();
  if (status.created_size > 0) remove_created(supervised.plan.root_source, status.created, status.created_size);
}

bool send_status(Type type) {
  status.header = make_header(type, sizeof status);
  const int fds = status.exited == 0 ? 1 : 0;
  return send_packet(supervised.control, &status, sizeof status, &supervised.init_pidfd, fds, MSG_DONTWAIT);
}

bool passes(int error) {
  return error == ENOMEM || error == ENOBUFS;
}

/// A daemon that does not read its socket is as good as gone; it may connect again.
bool tell(Type type) {
  if (supervised.control < 0) return false;
  if (send_status(type)) return true;
  if (type != Type::Exited || !passes(errno)) unwatch_and_close(supervised.control);
  return false;
}

/// What the kernel refused: a container that runs does not end for that, nor is its end kept back.
void catch_up() {
  if (supervised.control >= 0 && !control_watched) control_watched = try_watch(supervised.control, kControlTag);
  if (ended && !end_told) end_told = tell(Type::Exited);
}

bool keep_capabilities(std::uint32_t kept) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  data[0].permitted = data[0].effective = kept;
  return syscall(SYS_capset, &header, data) == 0;
}

/// All but CAP_KILL, which the kernel asks for when our death is to kill an init of another user (PR_SET_PDEATHSIG);
/// EPERM says that we have not even that.
void drop_capabilities() {
  if (keep_capabilities(1U << CAP_KILL) || (errno == EPERM && keep_capabilities(0))) return;
  give_up("drop capabilities", supervised.plan.name);
}

/// Nothing after the message may fail, as the start is answered then.
void become_ready() {
  ready = true;
  unwatch_and_close(supervised.child);
  watch(supervised.listener, kListenerTag);
  drop_capabilities();
  status.init_pid = supervised.init_pid;
  if (!send_status(Type::Ready)) give_up("tell the daemon", supervised.plan.name);
  for (std::uint32_t i = 0; i < console_count; i++) held_consoles[i].start();
}

void take_consoles() {
  const int count = received.fd_count / 2;
  for (int i = 0; i < count && i < static_cast<int>(console_count); i++)
    held_consoles[i].attach(received.fds[i], received.fds[count + i]);
}

void child_ended_early() {
  int wait_status = 0;
  SmallText<64> how;
  kill_children(&wait_status);
  // Init ends for the builder's end, so the builder's errno comes first.
  for (const int one : {builder_status, wait_status})
    if (WIFEXITED(one) && protocol::is_told_errno(WEXITSTATUS(one)))
      give_up("prepare init", supervised.plan.name, WEXITSTATUS(one));
  if (WIFSIGNALED(wait_status))
    how << "killed by signal " << WTERMSIG(wait_status);
  else
    how << "exit status " << WEXITSTATUS(wait_status);
  give_up("prepare init", how.c_str(), 0);
}

/// A daemon that is gone will not miss it: its end is noticed by itself.
void pass_on_network() {
  network_passed_on = true;
  const protocol::Header header = make_header(Type::NetworkReady, sizeof header);
  const bool sent = send_packet(supervised.control, &header, sizeof header, received.fds, received.fd_count, 0);
  if (!sent && errno != EPIPE && errno != ECONNRESET) give_up("hand over network", supervised.plan.name);
  for (int i = 0; i < received.fd_count; i++) close(received.fds[i]);
  received.fd_count = 0;
}

/// One of its records, or its end; false when it has said nothing more by now.
bool hear_child() {
  receive_packet(supervised.child, &record, sizeof record - 1, received, MSG_DONTWAIT);
  if (received.size < 0 && errno == EAGAIN) return false;
  if (received.size < 0) give_up("hear from init", supervised.plan.name);
  if (received.size == 0) {
    executing ? become_ready() : child_ended_early();
    return false;
  }
  record.object[sizeof record.object - 1] = 0;
  switch (record.record) {
    case Record::Network:
      pass_on_network();
      break;
    case Record::Created:
      remember_created(record.object);
      break;
    case Record::Consoles:
      take_consoles();
      break;
    case Record::Executing:
      executing = true;
      break;
    case Record::Failed:
      remember_failure(record.step, record.object, record.error);
      give_up(record.step, record.object, record.error);
  }
  return true;
}

void on_child() {
  while (supervised.child >= 0 && hear_child()) {
  }
}

void on_init_end() {
  on_child();  // the end of file on its socket comes first
  int wait_status = 0;
  if (waitpid(supervised.init_pid, &wait_status, WNOHANG) != supervised.init_pid) return;
  unwatch_and_close(supervised.init_pidfd);
  status.exited = 1;
  status.wait_status = wait_status;
  viewers_deadline = now_milliseconds() + kLastOutputMilliseconds;
  for (std::uint32_t i = 0; i < console_count; i++) held_consoles[i].finish();
}

void on_builder_end() {
  reap(supervised.builder_pid, &builder_status);
  supervised.builder_pid = 0;
  unwatch_and_close(supervised.builder_pidfd);
}

/// Exited is said when all output has been taken.
void end_when_drained() {
  const bool late = now_milliseconds() >= viewers_deadline;
  for (std::uint32_t i = 0; i < console_count; i++) {
    if (late && !held_consoles[i].finished()) held_consoles[i].drop_viewers();
    if (!held_consoles[i].finished()) return;
  }
  ended = true;
  end_told = tell(Type::Exited);
}

/// The child asks for it after its cgroups, in this order.
void hand_over_own_view() {
  if (!attached || !own_view_made || supervised.child < 0) return;
  own_view_made = false;
  const int count = supervised.own_view >= 0 ? 1 : 0;
  const bool sent = send_packet(supervised.child, &kOwnView, 1, &supervised.own_view, count, MSG_DONTWAIT);
  if (!sent && errno != EPIPE && errno != ECONNRESET) give_up("hand over own view", supervised.plan.name);
  if (count > 0) close(supervised.own_view);  // ours would keep it mounted
  supervised.own_view = -1;
  open_view_cgroups(supervised.plan);
}

/// The files are the supervisor's, then init's.
void attach(std::uint32_t own_count) {
  if (ready || supervised.child < 0 || supervised.dev < 0) return;
  const int own = static_cast<int>(own_count);
  if (own_count > static_cast<std::uint32_t>(received.fd_count)) give_up("enter cgroup", "descriptors", EPROTO);
  static int for_child[1 + kMaxPacketFds];
  int count = 0;
  for_child[count++] = supervised.dev;
  count += open_cgroup_trees(supervised.plan, for_child + count, kMaxPacketFds - received.fd_count);
  for (int i = own; i < received.fd_count; i++) for_child[count++] = received.fds[i];
  const bool sent = send_packet(supervised.child, &kAttach, 1, for_child, count, MSG_DONTWAIT);
  if (!sent && errno != EPIPE && errno != ECONNRESET) give_up("enter cgroup", "init");  // else on_child() hears why
  received.fd_count = 0;
  enter_own_cgroups(received.fds, own);
  for (int i = 0; i < count; i++) close(for_child[i]);
  supervised.dev = -1;
  attached = true;
  hand_over_own_view();
}

void tell_child_of_network() {
  if (supervised.child < 0 || send_packet(supervised.child, &kNetworkDone, 1, nullptr, 0, MSG_DONTWAIT)) return;
  if (errno != EPIPE && errno != ECONNRESET)
    give_up("continue init", supervised.plan.name);  // else on_child() hears why
}

void on_message(const protocol::Header& header) {
  switch (header.type) {
    case Type::Attach:
      attach(header.number);
      break;
    case Type::NetworkDone:
      tell_child_of_network();
      break;
    case Type::OpenConsole:
      if (header.number < console_count && received.fd_count == 1) {
        held_consoles[header.number].add_viewer(received.fds[0]);
        received.fd_count = 0;
      }
      break;
    case Type::Query:
      tell(Type::Status);
      break;
    case Type::Release:
      if (status.exited != 0) _exit(0);
      break;
    default:
      break;  // from a newer daemon
  }
}

bool allowed(int connection) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

/// The newest daemon wins: the one before is dead or about to be replaced.
void on_connection() {
  const int connection = accept4(supervised.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection < 0) return;
  if (!allowed(connection)) {
    close(connection);
    return;
  }
  unwatch_and_close(supervised.control);
  supervised.control = connection;
  control_watched = end_told = false;
  catch_up();
}

void on_event(std::uint32_t tag, std::uint32_t events) {
  switch (tag) {
    case kControlTag:
      return supervised.control >= 0 ? look_at_control() : void();
    case kListenerTag:
      return on_connection();
    case kChildTag:
      return on_child();
    case kInitTag:
      return status.exited == 0 ? on_init_end() : void();
    case kBuilderTag:
      return supervised.builder_pid > 0 ? on_builder_end() : void();
    case kOwnViewTag:
      if (own_view_descriptor() >= 0) serve_own_view();
      return;
    default:
      break;
  }
  const std::uint32_t console = (tag - kConsoleTag) / kSlotsPerConsole;
  if (console < console_count) held_consoles[console].on_event((tag - kConsoleTag) % kSlotsPerConsole, events);
}

int next_timeout() {
  int timeout = -1;
  const auto earlier = [&timeout](std::int64_t other) {
    if (other >= 0 && (timeout < 0 || other < timeout)) timeout = static_cast<int>(other);
  };
  for (std::uint32_t i = 0; i < console_count; i++) earlier(held_consoles[i].timeout());
  if (status.exited != 0 && !ended) earlier(std::max<std::int64_t>(0, viewers_deadline - now_milliseconds()));
  if (supervised.control >= 0 && (!control_watched || (ended && !end_told))) earlier(kRetryMilliseconds);
  return timeout;
}

}  // namespace

void report_failed_start(const char* step, const char* object, int error) {
  if (supervised.child >= 0) take_records();
  remember_failure(step, object, error);
  undo_start();
  first_failure.header = make_header(Type::Failed, sizeof first_failure);
  SmallText<16> number;
  number << first_failure.error;
  log_line(first_failure.step, " failed, errno ", number.c_str());
  const bool told = supervised.control >= 0 &&
                    send_packet(supervised.control, &first_failure, sizeof first_failure, nullptr, 0, MSG_DONTWAIT);
  _exit(told ? 1 : protocol::exit_status_of(first_failure.error));
}

void enter_own_cgroups(const int* files, int count) {
  join_cgroups(files, count, "supervisor");
  for (int i = 0; i < count; i++) close(files[i]);
}

void look_at_control() {
  unsigned char buffer[512];
  receive_packet(supervised.control, buffer, sizeof buffer, received, MSG_DONTWAIT);
  if (received.size < 0 && (errno == EAGAIN || passes(errno))) return;
  if (received.size >= static_cast<ssize_t>(sizeof(protocol::Header))) {
    protocol::Header header;
    std::memcpy(&header, buffer, sizeof header);
    on_message(header);
    for (int i = 0; i < received.fd_count; i++) close(received.fds[i]);
    return;
  }
  for (int i = 0; i < received.fd_count; i++) close(received.fds[i]);
  if (!ready) {
    if (received.size < 0) give_up("hear from the daemon", supervised.plan.name);
    // The daemon is gone and nobody knows of this container yet.
    undo_start();
    _exit(1);
  }
  unwatch_and_close(supervised.control);
}

void look_for_network() {
  if (supervised.plan.wait_for_network && !network_passed_on && supervised.child >= 0) hear_child();
}

void prepare_own_view() {
  if (!supervised.plan.own_view.served) return drop_spare_view();
  supervised.own_view = make_own_view(supervised.plan, supervised.started);
  SmallText<16> number;
  number << errno;
  if (supervised.own_view < 0)
    log_line("the container sees the host's meminfo and stat: no FUSE, errno ", number.c_str());
  own_view_made = true;
  hand_over_own_view();
  look_for_network();
}

void open_host_consoles() {
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) give_up("make epoll", supervised.plan.name);
  const std::uint32_t wanted = supervised.plan.consoles;
  void* memory =
      mmap(nullptr, sizeof(Console) * (wanted + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("make consoles", supervised.plan.name);
  held_consoles = static_cast<Console*>(memory);
  for (std::uint32_t i = 0; i < wanted; i++) {
    new (&held_consoles[i]) Console;
    held_consoles[i].open_host_side(epoll, kConsoleTag + i * kSlotsPerConsole);
    std::strncpy(status.console_paths[i], held_consoles[i].host_path(), sizeof status.console_paths[i] - 1);
  }
  std::uint32_t logged = 0;
  for (const ConsoleLogView& log : supervised.plan.console_logs) {
    if (logged < wanted && *log.file != 0) held_consoles[logged].log_to(log.file, log.append);
    logged++;
  }
  console_count = status.consoles = wanted;
}

void run_loop() {
  fcntl(supervised.listener, F_SETFL, O_NONBLOCK);
  watch(supervised.control, kControlTag);
  control_watched = true;
  watch(supervised.child, kChildTag);
  watch(supervised.init_pidfd, kInitTag);
  if (supervised.builder_pidfd >= 0) watch(supervised.builder_pidfd, kBuilderTag);
  if (own_view_descriptor() >= 0) watch(own_view_descriptor(), kOwnViewTag);
  for (;;) {
    epoll_event events[8];
    const int count = epoll_wait(epoll, events, 8, next_timeout());
    for (int i = 0; i < count; i++) on_event(events[i].data.u32, events[i].events);
    for (std::uint32_t i = 0; i < console_count; i++) held_consoles[i].tick();
    if (status.exited != 0 && !ended) end_when_drained();
    catch_up();
  }
}

}  // namespace container
