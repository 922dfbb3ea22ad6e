// More than one's share: of processes, memory, and the room and inodes of what is mounted for every container.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

/// More than any default allows, and little enough for a host whose container has no limit.
constexpr int kTooManyProcesses = 20000;

/// To be killed first, or the container's limit may cost it its init, whose report nobody would get.
void offer_to_oom_killer() {
  const File file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (write(file.get(), "1000", 4) < 0) return;
}

int wait_for_the_end(void*) {
  for (;;) pause();
}

/// Children that share this one's memory cost as little as a process can, and go with it. They share a stack too:
/// all of them do the same on it.
Outcome fork_without_end(const Facts&) {
  constexpr std::size_t kStack = 65536;
  static char stack[kStack];
  int count = 0;
  Outcome outcome = let_through(std::to_string(kTooManyProcesses) + " processes");
  for (; count < kTooManyProcesses; ++count) {
    if (clone(wait_for_the_end, stack + kStack, CLONE_VM | SIGCHLD, nullptr) > 0) continue;
    outcome = refused_errno();
    outcome.detail += " after " + std::to_string(count);
    break;
  }
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGTERM);  // the session is this attempt's
  return outcome;
}

/// Twice the limit.
Outcome take_all_memory(const Facts& facts) {
  return in_child([&] {
    const std::size_t size = 2 * std::stoull(facts["memory"]);
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return refused_errno();
    std::memset(memory, 1, size);
    return let_through(std::to_string(size) + " bytes");
  });
}

/// The same in a file of memory, which is nobody's to be killed for.
Outcome take_all_shared_memory(const Facts& facts) {
  return in_child([&] {
    const std::size_t size = 2 * std::stoull(facts["memory"]);
    const File file(memfd_create("attack", MFD_CLOEXEC));
    if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) return refused_errno();
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) return refused_errno();
    std::memset(memory, 1, size);
    return let_through(std::to_string(size) + " bytes");
  });
}

constexpr std::size_t kMuchRoom = 4 << 20;
constexpr int kManyInodes = 20000;

std::function<Outcome(const Facts&)> fill(const char* directory) {
  return [=](const Facts&) {
    const std::string path = std::string(directory) + "/attack-room";
    const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return refused_errno();
    const std::string block(65536, 'x');
    std::size_t size = 0;
    Outcome outcome = let_through(std::to_string(kMuchRoom) + " bytes");
    while (size < kMuchRoom) {
      const ssize_t written = write(file.get(), block.data(), block.size());
      if (written < 0) {
        outcome = refused_errno();
        outcome.detail += " after " + std::to_string(size);
        break;
      }
      size += static_cast<std::size_t>(written);
    }
    unlink(path.c_str());
    return outcome;
  };
}

std::function<Outcome(const Facts&)> make_inodes(const char* directory) {
  return [=](const Facts&) {
    int count = 0;
    Outcome outcome = let_through(std::to_string(kManyInodes) + " files");
    const auto name = [&](int number) { return std::string(directory) + "/attack-" + std::to_string(number); };
    for (; count < kManyInodes; ++count) {
      const File file(open(name(count).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      if (file) continue;
      outcome = refused_errno();
      outcome.detail += " after " + std::to_string(count);
      break;
    }
    for (int i = 0; i < count; ++i) unlink(name(i).c_str());
    return outcome;
  };
}

/// The host keeps 1024 of 4096 for its own (kernel.pty.max, kernel.pty.reserve); the rest is all containers'.
Outcome take_all_terminals(const Facts&) {
  constexpr int kAll = 2900;
  std::vector<int> masters;
  while (masters.size() < kAll) {
    const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) break;
    masters.push_back(master);
  }
  Outcome outcome = masters.size() < kAll ? refused_errno() : let_through(std::to_string(kAll) + " terminals");
  outcome.detail += " after " + std::to_string(masters.size());
  for (const int master : masters) close(master);
  return outcome;
}

/// Each holds kernel memory of its own; the container's limit is to count it.
Outcome take_all_pipes(const Facts& facts) {
  return in_child([&] {
    const std::size_t enough = 2 * std::stoull(facts["memory"]) / 65536;
    const std::string block(65536, 'x');
    for (std::size_t i = 0; i < enough; ++i) {
      int ends[2];
      if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        if (errno != EMFILE) return refused_errno();
        const pid_t child = fork();  // goes on with what it has, and the table is full
        if (child < 0) return refused_errno();
        return refused("EMFILE after " + std::to_string(i));
      }
      if (write(ends[1], block.data(), block.size()) < 0) return refused_errno();
    }
    return let_through("pipes");
  });
}

}  // namespace

Attempts exhaustion_attempts() {
  Attempts attempts = {
      {"terminals", take_all_terminals},
      {"room_of_dev", fill("/dev")},
      {"inodes_of_dev", make_inodes("/dev")},
      {"room_of_cgroup_root", fill("/sys/fs/cgroup")},
      {"inodes_of_cgroup_root", make_inodes("/sys/fs/cgroup")},
      {"room_of_masks", fill("/sys/firmware")},
      {"pipe_bomb", take_all_pipes},
      {"memory_bomb", take_all_memory},
      {"shared_memory_bomb", take_all_shared_memory},
      {"fork_bomb", fork_without_end},
  };
  for (Attempt& attempt : attempts) {
    attempt.run = [run = std::move(attempt.run)](const Facts& facts) {
      offer_to_oom_killer();
      return run(facts);
    };
  }
  return attempts;
}

}  // namespace attack
