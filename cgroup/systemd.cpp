#include "cgroup/systemd.hpp"

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "cgroup/directory.hpp"
#include "cgroup/hierarchy.hpp"

namespace cgroup {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLimit{30};
constexpr std::chrono::milliseconds kRetryPause{20};
constexpr const char* kName = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";
/// Neither the supervisor nor most inits end on SIGTERM: a stop of the scope, as the host goes down, need not wait for
/// that.
constexpr std::uint64_t kStopMicroseconds = 10'000'000;

struct Unref {
  void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, Unref>;

struct BusError {
  sd_bus_error error{};
  ~BusError() { sd_bus_error_free(&error); }
};

/// One conversation with pid 1 about one scope.
class Conversation {
 public:
  explicit Conversation(const ScopePlace& place);
  /// Asks for the scope with this process in it and waits until it is there. False if it is there already.
  bool start(pid_t process);
  /// Moves the process to `leaf`, atomically with respect to the scope's end. False if the scope is gone or going.
  bool attach(const char* leaf, pid_t process);
  /// Until something is heard from systemd; not long.
  void pause() { sd_bus_wait(bus_.get(), std::chrono::microseconds(kRetryPause).count()); }
  bool timed_out() const { return Clock::now() > end_; }
  [[noreturn]] void fail(int error, const sd_bus_error* said = nullptr) const;

 private:
  Message new_call(const char* method) const;
  void check(int result) const {
    if (result < 0) fail(result);
  }
  void await_job(const std::string& job);
  static int on_job_removed(sd_bus_message* message, void* self, sd_bus_error*);

  const ScopePlace& place_;
  Clock::time_point end_ = Clock::now() + kLimit;
  std::unique_ptr<sd_bus, Unref> bus_;
  std::string job_, result_;
};

Conversation::Conversation(const ScopePlace& place) : place_(place) {
  sd_bus* bus = nullptr;
  const int opened = sd_bus_open_system(&bus);
  bus_.reset(bus);
  check(opened);
  check(sd_bus_set_method_call_timeout(bus, std::chrono::microseconds(kLimit).count()));
  check(sd_bus_match_signal(bus, nullptr, kName, kPath, kInterface, "JobRemoved", on_job_removed, this));
  check(sd_bus_call(bus, new_call("Subscribe").get(), 0, nullptr, nullptr));
}

void Conversation::fail(int error, const sd_bus_error* said) const {
  if (said && said->message)
    base::fail(Code::SystemError, "cannot make systemd scope '", place_.scope, "': ", said->message);
  base::fail_errno_value(-error, Code::SystemError, "cannot make systemd scope '", place_.scope, "'");
}

Message Conversation::new_call(const char* method) const {
  sd_bus_message* message = nullptr;
  check(sd_bus_message_new_method_call(bus_.get(), &message, kName, kPath, kInterface, method));
  return Message(message);
}

int Conversation::on_job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
  auto& conversation = *static_cast<Conversation*>(self);
  const char *job = nullptr, *unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(message, "uoss", nullptr, &job, &unit, &result) < 0) return 0;
  if (unit != conversation.place_.scope) return 0;
  conversation.job_ = job;
  conversation.result_ = result;
  return 0;
}

bool Conversation::start(pid_t process) {
  const Message call = new_call("StartTransientUnit");
  auto* const m = call.get();
  check(sd_bus_message_append(m, "ss", place_.scope.c_str(), "fail"));
  check(sd_bus_message_open_container(m, 'a', "(sv)"));
  check(sd_bus_message_append(m, "(sv)", "Description", "s", "Containers of lxcell"));
  check(sd_bus_message_append(m, "(sv)", "Slice", "s", place_.slice.c_str()));
  check(sd_bus_message_append(m, "(sv)", "Delegate", "b", 1));
  check(sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, static_cast<std::uint32_t>(process)));
  check(sd_bus_message_append(m, "(sv)", "CollectMode", "s", "inactive-or-failed"));
  // The default is meant for one program; containers have limits of their own.
  check(sd_bus_message_append(m, "(sv)", "TasksMax", "t", UINT64_MAX));
  check(sd_bus_message_append(m, "(sv)", "TimeoutStopUSec", "t", kStopMicroseconds));
  check(sd_bus_message_close_container(m));
  check(sd_bus_message_append(m, "a(sa(sv))", 0));
  BusError error;
  sd_bus_message* answer = nullptr;
  const int result = sd_bus_call(bus_.get(), m, 0, &error.error, &answer);
  const Message owned(answer);
  if (sd_bus_error_has_name(&error.error, kUnitExists)) return false;
  if (result < 0) fail(result, &error.error);
  const char* job = nullptr;
  check(sd_bus_message_read(answer, "o", &job));
  await_job(job);
  return true;
}

void Conversation::await_job(const std::string& job) {
  while (job_ != job) {
    const int processed = sd_bus_process(bus_.get(), nullptr);
    check(processed);
    if (processed > 0) continue;
    if (timed_out()) fail(-ETIMEDOUT);
    check(sd_bus_wait(bus_.get(), std::chrono::microseconds(kLimit).count()));
  }
  if (result_ != "done")
    base::fail(Code::SystemError, "cannot make systemd scope '", place_.scope, "': its job ended as ", result_);
}

bool Conversation::attach(const char* leaf, pid_t process) {
  const Message call = new_call("AttachProcessesToUnit");
  const std::string below = "/" + std::string(leaf);
  check(sd_bus_message_append(call.get(), "ssau", place_.scope.c_str(), below.c_str(), 1,
                              static_cast<std::uint32_t>(process)));
  BusError error;
  return sd_bus_call(bus_.get(), call.get(), 0, &error.error, nullptr) >= 0;
}

/// The hierarchies in which systemd itself keeps processes: v2, and on a hybrid host its own named one.
template <typename Use>
void for_systemds_directories(const Hierarchy& hierarchy, const ScopePlace& place, const Use& use) {
  for (const auto& mount : hierarchy.mounts())
    if (mount.version == 2 || mount.controllers.front() == "name=systemd")
      if (const auto scope = Directory::open(mount.path + place.path)) use(*scope);
}

/// Those v1 hierarchies in which it makes and removes directories with its units (systemd.resource-control(5)).
bool systemd_uses(const Mount& mount) {
  constexpr std::array<std::string_view, 7> kUsed = {"cpu",  "cpuacct", "memory",      "blkio",
                                                     "pids", "devices", "name=systemd"};
  return std::any_of(mount.controllers.begin(), mount.controllers.end(), [&](const std::string& name) {
    return std::find(kUsed.begin(), kUsed.end(), name) != kUsed.end();
  });
}

/// rmdir of `path` below `top` and of what it is in, as far as it is empty.
void remove_empty(const std::string& top, std::string path) {
  for (; !path.empty(); path.erase(path.rfind('/')))
    if (::rmdir((top + path).c_str()) < 0 && errno != ENOENT) return;
}

void make_leaf(const ScopePlace& place, const char* leaf) {
  for_systemds_directories(Hierarchy::detect(), place, [&](const Directory& scope) {
    try {
      scope.make_child(leaf);
    } catch (const base::Error& error) {
      if (error.system_errno() != ENOENT && error.system_errno() != ENODEV) throw;  // the scope is going
    }
  });
}

}  // namespace

bool systemd_owns_tree() {
  const int booted = ::sd_booted();
  if (booted < 0) base::fail_errno_value(-booted, Code::SystemError, "cannot find out whether systemd is pid 1");
  return booted > 0;
}

void join_scope(const ScopePlace& place, const char* leaf, pid_t process) {
  Conversation systemd(place);
  // A scope that exists may be gone by the next call, and one that is going keeps its name until it is.
  while (true) {
    systemd.start(process);
    // Below a directory that passes controllers on, and so not in the scope's own.
    make_leaf(place, leaf);
    if (systemd.attach(leaf, process)) return;
    if (systemd.timed_out()) systemd.fail(-ETIMEDOUT);
    systemd.pause();
  }
}

void leave_scope(const ScopePlace& place, const char* leaf) noexcept {
  try {
    const auto hierarchy = Hierarchy::detect();
    for_systemds_directories(hierarchy, place, [&](const Directory& scope) {
      if (const auto there = scope.child(leaf)) there->remove(leaf);
    });
    for (const auto& mount : hierarchy.mounts())
      if (mount.version == 1 && used_by_containers(mount) && !systemd_uses(mount)) remove_empty(mount.path, place.path);
  } catch (const std::exception&) {  // no memory for a name
  }
}

}  // namespace cgroup
