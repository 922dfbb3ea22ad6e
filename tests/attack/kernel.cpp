// System calls that speak to the kernel as a whole.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/quota.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

const char kNoModule[64] = "this is no kernel module, but permission comes first";

Outcome finit_module(const Facts&) {
  const File file(open("/tmp/module", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (write(file.get(), kNoModule, sizeof kNoModule) < 0) return not_there("no file");
  return judge_past_permission(syscall(SYS_finit_module, file.get(), "", 0));
}

/// The same again, or nothing but a question of permission.
Outcome adjust_clock(const Facts&) {
  timex state{};
  if (adjtimex(&state) < 0) return refused_errno();
  state.modes = ADJ_TICK;
  return judge(adjtimex(&state));
}

Outcome set_clock(const Facts&) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return judge(clock_settime(CLOCK_REALTIME, &now));
}

Outcome set_time_of_day(const Facts&) {
  timeval now{};
  gettimeofday(&now, nullptr);
  return judge(settimeofday(&now, nullptr));
}

Outcome read_kernel_log(const Facts&) {
  char text[256];
  return judge(klogctl(3, text, sizeof text));
}

Outcome load_bpf_program(const Facts&) {
  bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_KPROBE;
  attributes.insn_cnt = 2;
  attributes.insns = reinterpret_cast<std::uint64_t>(program);
  attributes.license = reinterpret_cast<std::uint64_t>("GPL");
  return judge_past_permission(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

Outcome list_bpf_programs(const Facts&) {
  bpf_attr attributes{};
  return judge_past_permission(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attributes, sizeof attributes));
}

Outcome make_bpf_map(const Facts&) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return judge(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

Outcome count_host_events(const Facts&) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.disabled = 1;
  return judge(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, 0));
}

Outcome add_user_key(const Facts&) {
  const long key = syscall(SYS_add_key, "user", "lxcell-attack", "x", 1, KEY_SPEC_USER_KEYRING);
  if (key >= 0) syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
  return judge(key);
}

/// Until refused; a full quota means that the host's user has none left either.
Outcome flood_keys(const Facts&) {
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "lxcell-flood-" + std::to_string(i);
    const long key = syscall(SYS_add_key, "user", name.c_str(), "x", 1, KEY_SPEC_PROCESS_KEYRING);
    if (key < 0) return i > 0 ? let_through(std::to_string(i) + " keys") : refused_errno();
  }
  return let_through("1000 keys");
}

Outcome describe_user_keyring(const Facts&) {
  char text[256];
  return judge(syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_USER_KEYRING, text, sizeof text));
}

Outcome open_by_handle(const Facts&) {
  alignas(file_handle) char space[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* const handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (name_to_handle_at(AT_FDCWD, "/", handle, &mount, 0) != 0) return not_there("no handles");
  const File root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return judge(open_by_handle_at(root.get(), handle, O_RDONLY));
}

/// As the "shocker" of early Docker: the root directory of most file systems is inode 2.
Outcome open_file_system_root_by_handle(const Facts&) {
  alignas(file_handle) char space[sizeof(file_handle) + 8] = {};
  auto* const handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = 8;
  handle->handle_type = 1;  // FILEID_INO32_GEN
  space[sizeof(file_handle)] = 2;
  const File root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return judge_past_permission(open_by_handle_at(root.get(), handle, O_RDONLY));
}

/// Every file that anybody opens on the file system the root lies on, with a descriptor for it.
Outcome watch_file_system(const Facts&) {
  const File watch(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY));
  if (!watch) return refused_errno();
  return judge(fanotify_mark(watch.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, "/"));
}

/// EINVAL: it is not frozen, but it could have been.
Outcome thaw_file_system(const Facts&) {
  const File root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return judge_past_permission(ioctl(root.get(), FITHAW, 0));
}

constexpr unsigned long kExt4Shutdown = _IOR('X', 125, std::uint32_t);

Outcome shut_file_system_down(const Facts&) {
  const File root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const long result = ioctl(root.get(), kExt4Shutdown, nullptr);
  return result < 0 && errno == ENOTTY ? not_there("not this file system's") : judge_past_permission(result);
}

Outcome trim_file_system(const Facts&) {
  const File root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const long result = ioctl(root.get(), FITRIM, nullptr);
  return result < 0 && errno == ENOTTY ? not_there("not this file system's") : judge_past_permission(result);
}

/// Ahead of every ordinary process of the host, whatever the cgroup's share.
Outcome run_in_real_time(const Facts&) {
  sched_param parameters{};
  parameters.sched_priority = 1;
  const long result = sched_setscheduler(0, SCHED_FIFO, &parameters);
  if (result == 0) {
    parameters.sched_priority = 0;
    sched_setscheduler(0, SCHED_OTHER, &parameters);
  }
  return judge(result);
}

struct SchedAttr {  // sched_setattr(2)
  std::uint32_t size = 48, policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
};

Outcome run_with_deadline(const Facts&) {
  SchedAttr attributes;
  attributes.policy = SCHED_FIFO;
  attributes.priority = 1;
  const long result = syscall(SYS_sched_setattr, 0, &attributes, 0);
  attributes.policy = SCHED_OTHER;
  attributes.priority = 0;
  if (result == 0) syscall(SYS_sched_setattr, 0, &attributes, 0);
  return judge(result);
}

constexpr int kIoPriorityRealTime = 1 << 13;

Outcome use_disk_in_real_time(const Facts&) {
  return judge(syscall(SYS_ioprio_set, 1, 0, kIoPriorityRealTime));
}

}  // namespace

Attempts kernel_attempts() {
  const auto call = [](auto... words) {
    return [=](const Facts&) { return judge_past_permission(syscall(words...)); };
  };
  return {
    {"init_module", call(SYS_init_module, kNoModule, sizeof kNoModule, "")}, {"finit_module", finit_module},
        {"delete_module", call(SYS_delete_module, "lxcell_no_such", O_NONBLOCK)},
        {"kexec_load", call(SYS_kexec_load, 0, 0, nullptr, 0x8000)},
        {"kexec_file_load", call(SYS_kexec_file_load, -1, -1, 0, nullptr, 0x8000)},
        // In a pid namespace of its own this is EINVAL: there is no Ctrl-Alt-Del.
        {"reboot_ctrl_alt_del", [](const Facts&) { return judge(reboot(RB_ENABLE_CAD)); }},
        {"acct", call(SYS_acct, "/no/such/file")}, {"swapon", call(SYS_swapon, "/no/such/file", 0)},
        {"swapoff", call(SYS_swapoff, "/no/such/file")}, {"adjtimex", adjust_clock}, {"clock_settime", set_clock},
        {"settimeofday", set_time_of_day},
        {"quotactl", call(SYS_quotactl, QCMD(Q_QUOTAON, USRQUOTA), "/no/such/device", 0, nullptr)},
        {"syslog_read", read_kernel_log}, {"syslog_size", [](const Facts&) { return judge(klogctl(10, nullptr, 0)); }},
#if defined(__x86_64__)
        {"iopl", [](const Facts&) { return judge(iopl(3)); }},
        {"ioperm", [](const Facts&) { return judge(ioperm(0x80, 1, 1)); }},
#endif
        {"bpf_load", load_bpf_program}, {"bpf_list", list_bpf_programs}, {"bpf_map", make_bpf_map},
        {"perf_event_open", count_host_events}, {"userfaultfd", call(SYS_userfaultfd, O_CLOEXEC)},
        {"io_uring_setup", call(SYS_io_uring_setup, 1, nullptr)}, {"add_key", add_user_key},
        {"add_key_flood", flood_keys}, {"keyctl_user_keyring", describe_user_keyring},
        {"request_key", call(SYS_request_key, "user", "lxcell-attack-none", nullptr, 0)},
        {"open_by_handle_at", open_by_handle}, {"open_by_handle_at_inode_2", open_file_system_root_by_handle},
        {"fanotify_file_system", watch_file_system}, {"ioctl_thaw", thaw_file_system},
        {"ioctl_shutdown", shut_file_system_down}, {"ioctl_trim", trim_file_system}, {"sched_fifo", run_in_real_time},
        {"sched_setattr_fifo", run_with_deadline}, {"ioprio_real_time", use_disk_in_real_time},
  };
}

}  // namespace attack
