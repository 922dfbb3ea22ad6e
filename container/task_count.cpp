#include "container/task_count.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "container/small_text.hpp"
#include "container/text_scan.hpp"

namespace container {
namespace {

constexpr int kMostDepth = 16, kMostDirectories = 512;
constexpr std::uint64_t kMostLookedAt = 1024, kMostCounted = 65536;

/// linux/dirent.h is not for programs.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short size;
  unsigned char type;
  char name[1];
};
constexpr std::size_t kEntryNameOffset = offsetof(DirectoryEntry, name);

struct Walk {
  TaskCount count;
  std::uint64_t newest = 0;  // in the host's numbers
  int directories = 0;
};

std::size_t read_start(const char* path, char* to, std::size_t capacity) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t got = read(fd, to, capacity);
  close(fd);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

/// The letter behind the name of the program, which may have anything in it (proc_pid_stat(5)).
char state_of(std::uint64_t task) {
  char text[256];
  const auto number = static_cast<long long>(task);
  SmallText<64> path;
  // Not /proc/TASK/stat, which adds up all threads of the process.
  path << "/proc/" << number << "/task/" << number << "/stat";
  for (std::size_t at = read_start(path.c_str(), text, sizeof text - 2); at > 0; at--) {
    if (text[at - 1] != ')') continue;
    return text[at] == ' ' ? text[at + 1] : '?';
  }
  return '?';  // it has ended
}

void add_task(Walk& walk, std::uint64_t task) {
  if (task > walk.newest) walk.newest = task;
  if (++walk.count.total > kMostLookedAt) return;
  const char state = state_of(task);
  if (state == 'R') walk.count.running++;
  if (state == 'D') walk.count.blocked++;
}

void add_tasks_of(Walk& walk, int directory) {
  int fd = openat(directory, "cgroup.threads", O_RDONLY | O_CLOEXEC);
  if (fd < 0) fd = openat(directory, "tasks", O_RDONLY | O_CLOEXEC);  // v1
  if (fd < 0) return;
  char text[1024];
  std::uint64_t number = 0;
  bool digits = false;
  for (ssize_t got; walk.count.total < kMostCounted && (got = read(fd, text, sizeof text)) > 0;) {
    for (ssize_t i = 0; i < got; i++) {
      if (is_digit(text[i])) {
        number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
        digits = true;
      } else if (digits) {
        add_task(walk, number);
        number = 0;
        digits = false;
      }
    }
  }
  close(fd);
}

void walk_down(Walk& walk, int directory, int depth) {
  add_tasks_of(walk, directory);
  struct stat info;
  if (depth == kMostDepth || fstat(directory, &info) != 0 || info.st_nlink <= 2) return;  // no directories below
  const int list = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  alignas(DirectoryEntry) char entries[1024];
  for (long got; list >= 0 && (got = syscall(SYS_getdents64, list, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < got;) {
      DirectoryEntry entry;
      std::memcpy(&entry, entries + at, kEntryNameOffset);
      const char* name = entries + at + kEntryNameOffset;
      at += entry.size;
      if (entry.type != DT_DIR || name[0] == '.' || ++walk.directories > kMostDirectories) continue;
      const int below = openat(list, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below < 0) continue;
      walk_down(walk, below, depth + 1);
      close(below);
    }
  }
  if (list >= 0) close(list);
}

/// Its second number: ours is that of the host, then comes the container's, then those of namespaces made inside.
std::uint64_t number_inside(std::uint64_t task) {
  char text[2048];
  SmallText<64> path;
  path << "/proc/" << static_cast<long long>(task) << "/status";
  std::string_view rest(text, read_start(path.c_str(), text, sizeof text));
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (!begins_with(line, "NSpid:")) continue;
    line.remove_prefix(6);
    std::uint64_t number = 0;
    cut_number(line, number);
    return cut_number(line, number) ? number : 0;
  }
  return 0;
}

}  // namespace

TaskCount count_tasks(int directory) {
  Walk walk;
  walk_down(walk, directory, 0);
  if (walk.newest > 0) walk.count.newest = number_inside(walk.newest);
  return walk.count;
}

}  // namespace container
