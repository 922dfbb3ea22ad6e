#include "container/own_view.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "container/fuse_files.hpp"
#include "container/small_text.hpp"
#include "container/system_calls.hpp"
#include "container/task_count.hpp"
#include "container/usage_text.hpp"
#include "container/view_text.hpp"

namespace container {
namespace {

enum File : std::uint32_t { kMeminfo, kSwaps, kCpuinfo, kOnline, kStat, kUptime, kLoadavg, kDiskstats, kFileCount };
constexpr const char* kNames[kFileCount] = {"meminfo", "swaps",  "cpuinfo", "online",
                                            "stat",    "uptime", "loadavg", "diskstats"};
constexpr std::uint64_t kMountAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr int kMaxDepth = 32;  // of a cgroup below its root

struct Source {
  OwnViewView places = {};
  int memory = -1, cpuset = -1;       // cgroup directories, O_PATH
  int cpu = -1, io = -1, tasks = -1;  // likewise, once they have been needed
  std::uint64_t started = 0;
  bool own_clock = false;  // it has a time namespace
};

int fuse = -1;
int spare = -1;  // its mount, while it is nobody's
Source source;
FuseFiles view_files;
unsigned char request[kFuseRequestBytes], reply[kFuseReplyBytes];
char texts[3][8192];  // more than any of the files read has today; a longer one is cut

/// The lines of a file of any length; one that is longer than a buffer comes in pieces.
class FileLines {
 public:
  FileLines(int which, int directory, const char* path)
      : buffer_(texts[which]), fd_(openat(directory, path, O_RDONLY | O_CLOEXEC)) {}
  ~FileLines() {
    if (fd_ >= 0) close(fd_);
  }
  FileLines(const FileLines&) = delete;
  FileLines& operator=(const FileLines&) = delete;
  explicit operator bool() const { return fd_ >= 0; }

  bool next(std::string_view& line) {
    std::string_view held(buffer_ + at_, size_ - at_);
    line = take_line(held);
    while (line.empty() || line[line.size() - 1] != '\n') {
      if (!fill()) break;
      held = {buffer_, size_};
      line = take_line(held);
    }
    at_ += line.size();
    return !line.empty();
  }

 private:
  /// Puts more behind what is left; false if there is none, or no room.
  bool fill() {
    std::memmove(buffer_, buffer_ + at_, size_ - at_);
    size_ -= at_;
    at_ = 0;
    ssize_t got;
    do got = read(fd_, buffer_ + size_, sizeof texts[0] - size_);
    while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    size_ += static_cast<std::size_t>(got);
    return true;
  }
  char* buffer_;
  int fd_;
  std::size_t at_ = 0, size_ = 0;
};

/// What a small file holds, in texts[which]; empty if it cannot be read.
std::string_view read_small(int which, int directory, const char* path) {
  const int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = read(fd, texts[which] + size, sizeof texts[which] - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  close(fd);
  return {texts[which], size};
}

/// The file of the cgroup `levels` above.
std::string_view read_above(int directory, int levels, const char* file) {
  SmallText<3 * kMaxDepth + 64> path;
  for (int i = 0; i < levels; i++) path << "../";
  path << file;
  return read_small(0, directory, path.c_str());
}

/// The tightest limit of the cgroup and of those above it, whose root has no such file.
std::uint64_t tightest_limit(int directory, const char* file) {
  std::uint64_t tightest = kNoLimit;
  for (int levels = 0; levels < kMaxDepth; levels++) {
    const std::string_view text = read_above(directory, levels, file);
    if (text.empty()) break;
    const std::uint64_t limit = parse_limit(text);
    if (limit < tightest) tightest = limit;
  }
  return tightest;
}

std::uint64_t number_in(const char* file, bool& known) {
  const std::string_view text = read_small(0, source.memory, file);
  known = !text.empty();
  return known ? parse_limit(text) : 0;
}

MemoryFigures figures_v1() {
  MemoryFigures figures;
  figures.usage = number_in("memory.usage_in_bytes", figures.known);
  bool swap = false;
  const std::uint64_t both = number_in("memory.memsw.usage_in_bytes", swap);
  const std::string_view stat = read_small(0, source.memory, "memory.stat");
  figures.limit = stat_value(stat, "hierarchical_memory_limit");
  take_memory_stat(figures, 1, stat);
  if (swap) take_swap_v1(figures, stat_value(stat, "hierarchical_memsw_limit"), both);
  return figures;
}

MemoryFigures figures_v2() {
  MemoryFigures figures;
  figures.usage = number_in("memory.current", figures.known);
  if (!figures.known) return figures;  // the controller is off: nobody limits or counts
  figures.swap_usage = number_in("memory.swap.current", figures.swap_known);
  figures.limit = tightest_limit(source.memory, "memory.max");
  if (figures.swap_known) figures.swap_limit = tightest_limit(source.memory, "memory.swap.max");
  take_memory_stat(figures, 2, read_small(0, source.memory, "memory.stat"));
  return figures;
}

MemoryFigures memory_figures() {
  if (source.memory < 0) return {};
  return source.places.memory_version == 1 ? figures_v1() : figures_v2();
}

/// The CPUs the container may use; empty where no cpuset says so. On v2 that may be the word of a cgroup above.
std::string_view allowed_cpus() {
  if (source.cpuset < 0) return {};
  for (int levels = 0; levels < kMaxDepth; levels++) {
    for (const char* file : {"cpuset.cpus.effective", "cpuset.effective_cpus"}) {
      const std::string_view text = read_above(source.cpuset, levels, file);
      if (text.size() > 1) return text;
    }
  }
  return {};
}

bool write_cpuinfo(TextWindow& out) {
  const std::string_view cpus = allowed_cpus();
  const int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  CpuinfoFilter filter(out, cpus);
  while (!out.full()) {
    const ssize_t got = read(fd, texts[1], sizeof texts[1]);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filter.add({texts[1], static_cast<std::size_t>(got)});
  }
  filter.finish();
  close(fd);
  return true;
}

/// The same, or all that are there. In the first buffer.
std::string_view cpu_list() {
  const std::string_view cpus = allowed_cpus();
  return cpus.empty() ? read_small(0, AT_FDCWD, "/sys/devices/system/cpu/online") : cpus;
}

/// A cgroup's directory, opened when it is first needed: most containers never ask, and starts are short.
int opened(int& fd, const char* path) {
  if (fd < 0 && *path != 0) fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return fd;
}

std::uint64_t now_on(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t uptime() {
  return minus(now_on(CLOCK_BOOTTIME), source.started);
}

/// Whether the boot clock of who asks is the host's, as that of a program that was entered from outside with the
/// namespaces that libvirt hands out. For it all processes began by that clock, and the kernel would answer by it too.
bool has_our_clock(std::uint32_t reader) {
  if (!source.own_clock) return true;
  SmallText<64> path;
  path << "/proc/" << static_cast<long long>(reader) << "/timens_offsets";
  std::string_view rest = reader == 0 ? std::string_view() : read_small(1, AT_FDCWD, path.c_str());
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    constexpr std::string_view kClock = "boottime";
    if (!begins_with(line, kClock)) continue;
    line.remove_prefix(kClock.size());
    std::uint64_t number = 0;
    return cut_number(line, number) && number == 0;  // ours has a minus
  }
  return false;
}

struct CpuTimes {
  CpuUse use;
  std::uint64_t idle = 0;
};

/// Calls `each` with the use of each of the CPUs, and adds all up. False where nothing counts. v1: whatever it has used
/// of other CPUs, before its set was changed, counts in the sum.
template <typename Each>
bool add_cpu_times(std::string_view cpus, std::uint64_t present, CpuTimes& sum, Each&& each) {
  const int directory = opened(source.cpu, source.places.cpu_directory);
  if (directory < 0) return false;
  CpuUse use;
  std::uint64_t cpu = 0;
  if (source.places.cpu_version == 1) {
    FileLines lines(1, directory, "cpuacct.usage_all");
    for (std::string_view line; lines.next(line);) {
      if (!take_cpu_line(line, cpu, use)) continue;
      sum.use.user += use.user, sum.use.system += use.system;
      if (!list_has_cpu(cpus, cpu)) continue;
      sum.idle += idle_of(use, present);
      each(cpu, use);
    }
    return static_cast<bool>(lines);
  }
  const std::string_view stat = read_small(1, directory, "cpu.stat");
  if (stat.empty()) return false;
  sum.use = parse_cpu_stat(stat);
  const std::uint64_t count = count_cpus(cpus);
  CpuList list(cpus);
  for (std::uint64_t i = 0; list.next(cpu); i++) {
    use = share_of(sum.use, count, i);
    sum.idle += idle_of(use, present);
    each(cpu, use);
  }
  return true;
}

bool add_cpu_times(std::string_view cpus, std::uint64_t present, CpuTimes& sum) {
  return add_cpu_times(cpus, present, sum, [](std::uint64_t, const CpuUse&) {});
}

/// As of a second ago at most.
const TaskCount& tasks(std::uint64_t now) {
  static TaskCount last;
  static std::uint64_t counted = 0;
  const int directory = opened(source.tasks, source.places.tasks_directory);
  if (directory >= 0 && (counted == 0 || minus(now, counted) >= kSecond)) {
    const std::uint64_t newest = last.newest;
    last = count_tasks(directory);
    if (last.newest < newest) last.newest = newest;  // it has ended
    counted = now;
  }
  return last;
}

bool write_host_file(TextWindow& out, const char* path) {
  FileLines lines(1, AT_FDCWD, path);
  for (std::string_view line; !out.full() && lines.next(line);) out.add(line);
  return static_cast<bool>(lines);
}

bool write_uptime(TextWindow& out, std::uint32_t reader) {
  CpuTimes sum;
  const std::uint64_t present = uptime();
  add_cpu_times(cpu_list(), present, sum);
  write_uptime(out, has_our_clock(reader) ? now_on(CLOCK_BOOTTIME) : present, sum.idle);
  return true;
}

bool write_stat(TextWindow& out, std::uint32_t reader) {
  const std::string_view cpus = cpu_list();
  const std::uint64_t present = uptime();
  CpuTimes sum, again;
  if (!add_cpu_times(cpus, present, sum)) return write_host_file(out, "/proc/stat");
  write_cpu_total(out, sum.use, sum.idle);
  add_cpu_times(cpus, present, again, [&](std::uint64_t cpu, const CpuUse& use) { write_cpu(out, cpu, use, present); });
  const std::uint64_t since = has_our_clock(reader) ? now_on(CLOCK_BOOTTIME) : present;
  write_stat_rest(out, (now_on(CLOCK_REALTIME) - since) / kSecond, tasks(present));
  return true;
}

bool write_loadavg(TextWindow& out) {
  static LoadAverage load;
  const std::uint64_t now = uptime();
  const TaskCount& count = tasks(now);
  if (load.is_due(now)) {
    CpuTimes sum;
    add_cpu_times(cpu_list(), now, sum);
    load.add(now, sum.use.user + sum.use.system, count.running + count.blocked);
  }
  write_loadavg(out, load, count);
  return true;
}

bool write_diskstats(TextWindow& out) {
  const int directory = opened(source.io, source.places.io_directory);
  DiskTexts texts_of;
  texts_of.version = static_cast<int>(source.places.io_version);
  if (directory < 0) return true;  // nobody counts: none is the container's
  if (texts_of.version == 1) {
    texts_of.stat = read_small(0, directory, "blkio.throttle.io_service_bytes_recursive");
    texts_of.count = read_small(2, directory, "blkio.throttle.io_serviced_recursive");
  } else {
    texts_of.stat = read_small(0, directory, "io.stat");
  }
  FileLines lines(1, AT_FDCWD, "/proc/diskstats");
  for (std::string_view line; lines.next(line);) write_disk(out, line, texts_of);
  return true;
}

bool write_file(std::uint32_t index, std::uint32_t reader, TextWindow& out) {
  switch (index) {
    case kCpuinfo:
      return write_cpuinfo(out);
    case kOnline:
      out.add(cpu_list());
      return true;
    case kStat:
      return write_stat(out, reader);
    case kUptime:
      return write_uptime(out, reader);
    case kLoadavg:
      return write_loadavg(out);
    case kDiskstats:
      return write_diskstats(out);
    default:
      break;
  }
  const MemoryFigures figures = memory_figures();
  const std::string_view meminfo = read_small(1, AT_FDCWD, "/proc/meminfo");
  if (index == kMeminfo)
    write_meminfo(out, meminfo, figures);
  else
    write_swaps(out, read_small(0, AT_FDCWD, "/proc/swaps"), meminfo, figures);
  return !meminfo.empty();
}

long read_file(std::uint32_t index, std::uint32_t reader, std::uint64_t offset, char* to, std::size_t capacity) {
  TextWindow window(to, capacity, offset);
  return write_file(index, reader, window) ? static_cast<long>(window.size()) : -EIO;
}

std::uint64_t file_length(std::uint32_t index, std::uint32_t reader) {
  TextWindow window(nullptr, 0, 0);
  return write_file(index, reader, window) ? window.length() : 0;
}

bool set_text(int context, const char* key, const char* value) {
  return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

/// The options are fuse(8)'s: everybody in the container reads, whoever they are on the host.
int mount_fuse(int context) {
  SmallText<16> number;
  number << fuse;
  const bool made = set_text(context, "source", "lxcell") && set_text(context, "fd", number.c_str()) &&
                    set_text(context, "rootmode", "40000") && set_text(context, "user_id", "0") &&
                    set_text(context, "group_id", "0") &&
                    fsconfig(context, FSCONFIG_SET_FLAG, "allow_other", nullptr, 0) == 0 &&
                    fsconfig(context, FSCONFIG_SET_FLAG, "default_permissions", nullptr, 0) == 0 &&
                    fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  return made ? fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(kMountAttributes)) : -1;
}

/// One reading of the directory brings all names at once. A kernel that does not ask for them so is asked one by one.
void ask_for_all(int mount) {
  alignas(8) char entries[1024];
  const int list = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (list >= 0 && syscall(SYS_getdents64, list, entries, sizeof entries) > 0) return;
  for (const char* name : kNames) openat(mount, name, O_PATH | O_CLOEXEC);
}

/// Has the kernel look up all names and keep them, so that the child, which binds the files, need not wait for us at
/// each. A look-up waits for its answer, so a process of its own asks and we answer until it has ended.
void look_up_names(int mount) {
  int pidfd = -1;
  const pid_t asker = clone_process(0, -1, pidfd);
  if (asker < 0) return;  // then the child waits
  if (asker == 0) {
    close(fuse);  // else nobody would fail our look-ups if the supervisor died
    ask_for_all(mount);
    _exit(0);
  }
  pollfd both[] = {{pidfd, POLLIN, 0}, {fuse, POLLIN, 0}};
  while (both[0].revents == 0) {
    poll(both, 2, -1);
    if (both[1].revents != 0 && !serve_own_view()) both[1].fd = -1;
  }
  waitpid(asker, nullptr, 0);
  close(pidfd);
}

void close_fuse() {
  const int error = errno;
  close(fuse);
  fuse = -1;
  errno = error;
}

/// -1 with errno.
int make_view() {
  fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fuse < 0) return -1;
  const int context = fsopen("fuse", FSOPEN_CLOEXEC);
  const int mount = context < 0 ? -1 : mount_fuse(context);
  const int error = errno;
  if (context >= 0) close(context);
  errno = error;
  if (mount < 0)
    close_fuse();
  else
    look_up_names(mount);
  return mount;
}

}  // namespace

void make_spare_view() {
  if (spare >= 0) return;
  view_files = {kNames, kFileCount, 0, 0, 0, read_file, file_length};
  spare = make_view();
}

void drop_spare_view() {
  if (spare < 0) return;
  close(spare);
  spare = -1;
  close_fuse();
}

int make_own_view(const PlanView& plan, std::uint64_t started) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  view_files = {kNames,    kFileCount, plan.root_uid, plan.root_gid, static_cast<std::uint64_t>(now.tv_sec),
                read_file, file_length};
  source.places = plan.own_view;
  source.started = started;
  source.own_clock = (plan.namespaces & CLONE_NEWTIME) != 0;
  const int mount = spare >= 0 ? spare : make_view();
  spare = -1;
  return mount;
}

int own_view_descriptor() {
  return fuse;
}

bool serve_own_view() {
  const ssize_t got = read(fuse, request, sizeof request);
  if (got < 0) {
    // ENOENT: whoever asked was interrupted. ENODEV: unmounted everywhere, or aborted by the administrator.
    const bool there = errno == EAGAIN || errno == EINTR || errno == ENOENT || errno == ENOMEM;
    if (!there) close_fuse();
    return there;
  }
  const std::size_t size = answer_fuse(request, static_cast<std::size_t>(got), reply, view_files);
  // ENOENT: whoever asked was interrupted. For anything else it would wait for good, so that all are told by the end.
  for (int again = 1; size > 0 && write(fuse, reply, size) < 0 && errno != ENOENT; again--) {
    if (again > 0) continue;
    close_fuse();
    return false;
  }
  return true;
}

void open_view_cgroups(const PlanView& plan) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  if (*plan.own_view.memory_directory != 0) source.memory = open(plan.own_view.memory_directory, kFlags);
  if (*plan.own_view.cpuset_directory != 0) source.cpuset = open(plan.own_view.cpuset_directory, kFlags);
}

}  // namespace container
