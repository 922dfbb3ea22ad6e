// The attacker: run as a container's init, it tries everything that should be refused and prints a line for each:
//   refused NAME REASON | SUCCEEDED NAME DETAIL | absent NAME REASON
// and "done" at the end, to the file named by the argument "report=PATH" (made whole, then renamed into place).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

constexpr int kSecondsPerAttempt = 30;

/// By a process and session of its own: an attempt may lose its root, its namespaces, its life or its way back.
Outcome tried(const Attempt& attempt, const Facts& facts) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return not_there("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    alarm(kSecondsPerAttempt);
    const Outcome outcome = attempt.run(facts);
    const std::string text = std::to_string(static_cast<int>(outcome.kind)) + outcome.detail;
    _exit(write(ends[1], text.data(), text.size()) < 0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  pollfd ready = {ends[0], POLLIN, 0};
  if (child > 0 && poll(&ready, 1, (kSecondsPerAttempt + 5) * 1000) > 0) {
    const ssize_t got = read(ends[0], buffer, sizeof buffer);
    if (got > 0) text.assign(buffer, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  if (child > 0) kill(child, SIGKILL);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  if (child < 0) return refused("no process");
  if (text.empty()) return refused("killed, status " + std::to_string(status));
  return {static_cast<Outcome::Kind>(text[0] - '0'), text.substr(1)};
}

const char* word(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::Refused:
      return "refused";
    case Outcome::Kind::LetThrough:
      return "SUCCEEDED";
    case Outcome::Kind::NotThere:
      return "absent";
  }
  return "";
}

void reap_strays() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

int run(int count, char** words) {
  Facts facts;
  for (int i = 1; i < count; ++i) facts.add(words[i]);
  const std::string report = facts["report"], only = facts["only"];
  // Standard error shows on the container's console what an attempt that never came back was about.
  FILE* const out = fopen((report + ".new").c_str(), "we");
  if (!out) return 1;
  for (const auto& group : {process_attempts(), kernel_attempts(), other_abi_attempts(), device_attempts(),
                            mount_attempts(), kernel_file_attempts(), cgroup_attempts(), escape_attempts(),
                            sight_attempts(), network_attempts(), terminal_attempts(), exhaustion_attempts()}) {
    for (const Attempt& attempt : group) {
      if (!only.empty() && only != attempt.name) continue;
      fprintf(stderr, "%s\n", attempt.name);
      const Outcome outcome = tried(attempt, facts);
      fprintf(out, "%s %s %s\n", word(outcome.kind), attempt.name, outcome.detail.c_str());
      fflush(out);
      reap_strays();
    }
  }
  fputs("done\n", out);
  fclose(out);
  if (rename((report + ".new").c_str(), report.c_str()) != 0) return 1;
  if (facts["stay"].empty()) return 0;
  for (;;) pause();
}

}  // namespace
}  // namespace attack

int main(int count, char** words) {
  return attack::run(count, words);
}
