#include "container/own_view.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "container/fuse_files.hpp"
#include "container/small_text.hpp"
#include "container/system_calls.hpp"
#include "container/view_text.hpp"

namespace container {
namespace {

enum File : std::uint32_t { kMeminfo, kSwaps, kCpuinfo, kOnline, kFileCount };
constexpr const char* kNames[kFileCount] = {"meminfo", "swaps", "cpuinfo", "online"};
constexpr std::uint64_t kMountAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr int kMaxDepth = 32;  // of a cgroup below its root

struct Source {
  int memory = -1, cpuset = -1;  // cgroup directories, O_PATH
  int memory_version = 0;
};

int fuse = -1;
Source source;
FuseFiles files;
unsigned char request[kFuseRequestBytes], reply[kFuseReplyBytes];
char texts[2][8192];  // more than any of the files read has today; a longer one is cut

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
  return source.memory_version == 1 ? figures_v1() : figures_v2();
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

bool write_file(std::uint32_t index, TextWindow& out) {
  if (index == kCpuinfo) return write_cpuinfo(out);
  if (index == kOnline) {
    const std::string_view cpus = allowed_cpus();
    out.add(cpus.empty() ? read_small(1, AT_FDCWD, "/sys/devices/system/cpu/online") : cpus);
    return true;
  }
  const MemoryFigures figures = memory_figures();
  const std::string_view meminfo = read_small(1, AT_FDCWD, "/proc/meminfo");
  if (index == kMeminfo)
    write_meminfo(out, meminfo, figures);
  else
    write_swaps(out, read_small(0, AT_FDCWD, "/proc/swaps"), meminfo, figures);
  return !meminfo.empty();
}

long read_file(std::uint32_t index, std::uint64_t offset, char* to, std::size_t capacity) {
  TextWindow window(to, capacity, offset);
  return write_file(index, window) ? static_cast<long>(window.size()) : -EIO;
}

std::uint64_t file_length(std::uint32_t index) {
  TextWindow window(nullptr, 0, 0);
  return write_file(index, window) ? window.length() : 0;
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

/// Has the kernel look up all names and keep them, so that the child, which binds the files, need not wait for us at
/// each. A look-up waits for its answer, so a process of its own asks and we answer until it has ended.
void look_up_names(int mount) {
  int pidfd = -1;
  const pid_t asker = clone_process(0, -1, pidfd);
  if (asker < 0) return;  // then the child waits
  if (asker == 0) {
    close(fuse);  // else nobody would fail our look-ups if the supervisor died
    for (const char* name : kNames) openat(mount, name, O_PATH | O_CLOEXEC);
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

}  // namespace

int make_own_view(const PlanView& plan) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  files = {kNames,    kFileCount, plan.root_uid, plan.root_gid, static_cast<std::uint64_t>(now.tv_sec),
           read_file, file_length};
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
  const std::size_t size = answer_fuse(request, static_cast<std::size_t>(got), reply, files);
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
  source.memory_version = static_cast<int>(plan.own_view.memory_version);
  if (*plan.own_view.memory_directory != 0) source.memory = open(plan.own_view.memory_directory, kFlags);
  if (*plan.own_view.cpuset_directory != 0) source.cpuset = open(plan.own_view.cpuset_directory, kFlags);
}

}  // namespace container
