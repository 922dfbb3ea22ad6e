#include "support/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "base/fd.hpp"

namespace support {

namespace {
std::atomic<int> waiting{0};
}  // namespace

int programs_running() {
  return waiting;
}

Output run(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {-1, "pipe failed"};
  base::Fd output(ends[0]);
  base::Fd input(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, input.get(), 2);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) return {127, "cannot run " + command[0]};
  input.reset();
  Output result;
  ++waiting;
  result.text = base::read_all(output.get());
  int status = 0;
  waitpid(pid, &status, 0);
  --waiting;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

Output shell(const std::string& script) {
  return run({"sh", "-c", script});
}

bool have_program(const std::string& program) {
  return run({"sh", "-c", "command -v " + program}).status == 0;
}

}  // namespace support
