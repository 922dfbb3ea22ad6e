// The kernel's own price of statistics: reads each file that a daemon keeps open below /sys/fs/cgroup once, by as many
// threads as there are CPUs, and does nothing with what they say. What the daemon takes beyond that is its own doing.
//   stats_floor PID [ROUNDS]   prints the number of files, and the medians of a round in milliseconds: by one, by all
// Ask the daemon for statistics of all first, so that it has the files open. Root only.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kMostFiles = 1 << 20, kMostThreads = 256, kPart = 256, kMostRounds = 10000, kBuffer = 8192 };

static const char kCgroups[] = "/sys/fs/cgroup/";

struct File {
  int number;  // in the daemon: its files are read in the order in which it opened them, one container's together
  int fd;
};
static struct File files[kMostFiles];
static size_t count;
static atomic_size_t next;

static void must(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "stats_floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int by_number(const void* a, const void* b) {
  return ((const struct File*)a)->number - ((const struct File*)b)->number;
}

static void open_files(const char* pid) {
  char folder[64];
  snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
  DIR* descriptors = opendir(folder);
  must(descriptors != NULL, folder);
  for (const struct dirent* entry; (entry = readdir(descriptors)) != NULL;) {
    char path[4096];
    const ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, path, sizeof path - 1);
    if (length <= 0) continue;
    path[length] = '\0';
    if (strncmp(path, kCgroups, sizeof kCgroups - 1) != 0) continue;
    char text[2 * sizeof folder + sizeof entry->d_name];
    snprintf(text, sizeof text, "/proc/%s/fdinfo/%s", pid, entry->d_name);
    FILE* const info = fopen(text, "re");  // a directory, or not for reading, is none of those meant
    unsigned flags = O_PATH;
    if (info && fscanf(info, "pos: %*d flags: %o", &flags) != 1) flags = O_PATH;
    if (info) fclose(info);
    if (flags & (O_PATH | O_DIRECTORY | O_ACCMODE)) continue;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;  // its container has ended meanwhile
    must(count < kMostFiles, "too many files");
    files[count++] = (struct File){atoi(entry->d_name), fd};
  }
  closedir(descriptors);
  qsort(files, count, sizeof *files, by_number);
}

static void* read_parts(void* unused) {
  (void)unused;
  char buffer[kBuffer];
  for (size_t first; (first = atomic_fetch_add(&next, kPart)) < count;) {
    const size_t end = first + kPart < count ? first + kPart : count;
    for (size_t i = first; i < end; ++i) must(pread(files[i].fd, buffer, sizeof buffer, 0) >= 0, "pread");
  }
  return NULL;
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double read_all(long threads) {
  pthread_t others[kMostThreads];
  const double began = now_ms();
  atomic_store(&next, 0);
  for (long i = 1; i < threads; ++i) {
    errno = pthread_create(&others[i], NULL, read_parts, NULL);
    must(errno == 0, "pthread_create");
  }
  read_parts(NULL);
  for (long i = 1; i < threads; ++i) pthread_join(others[i], NULL);
  return now_ms() - began;
}

static int by_value(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median_of_rounds(long threads, int rounds) {
  static double times[kMostRounds];
  read_all(threads);  // warms up
  for (int i = 0; i < rounds; ++i) times[i] = read_all(threads);
  qsort(times, (size_t)rounds, sizeof *times, by_value);
  return times[rounds / 2];
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: stats_floor PID [ROUNDS]\n");
    return 2;
  }
  const int rounds = argc > 2 ? atoi(argv[2]) : 20;
  must(rounds > 0 && rounds <= kMostRounds, "a number of rounds");
  open_files(argv[1]);
  long threads = sysconf(_SC_NPROCESSORS_ONLN);
  if (threads > kMostThreads) threads = kMostThreads;
  const double alone = median_of_rounds(1, rounds);
  printf("%zu %.2f %.2f\n", count, alone, median_of_rounds(threads, rounds));
  return 0;
}
