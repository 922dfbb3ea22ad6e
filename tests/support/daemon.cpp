#include "support/daemon.hpp"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>

#include "support/deadline.hpp"
#include "support/handles.hpp"
#include "support/scratch.hpp"

namespace support {

namespace {
int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::atomic<bool> ending{false};
std::mutex registry_mutex;
std::set<Daemon*> registry;

}  // namespace

void Daemon::end_all() {
  ending = true;
  const std::lock_guard lock(registry_mutex);
  for (Daemon* daemon : registry) {
    const pid_t pid = daemon->pid_;
    if (pid < 0) continue;
    daemon->destroy_domains();
    ::kill(pid, SIGTERM);
    // Whoever waits for it first, this thread or the interrupted one.
    eventually([&] { return waitpid(pid, nullptr, WNOHANG) != 0; });
  }
}

std::string Daemon::program() {
  const char* chosen = std::getenv("LXCELL_DAEMON");
  return chosen && *chosen ? chosen : LXCELL_BUILT_DAEMON;
}

Daemon::Daemon(std::string root, std::vector<std::string> options, std::vector<std::string> entrance)
    : root_(std::move(root)), options_(std::move(options)), entrance_(std::move(entrance)) {
  std::filesystem::create_directories(root_);
  const std::lock_guard lock(registry_mutex);
  registry.insert(this);
}

Daemon::~Daemon() {
  while (ending) ::pause();
  if (running()) {
    destroy_domains();
    stop();
  }
  const std::lock_guard lock(registry_mutex);
  registry.erase(this);
}

void Daemon::start() {
  while (ending) ::pause();
  const std::string log = root_ + "/daemon.out";
  const std::string& path = program_;
  std::vector<std::string> words = entrance_;
  words.insert(words.end(), {path, "--root", root_});
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int failed = posix_spawnp(&pid_, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) {
    pid_ = -1;
    throw std::runtime_error("cannot run '" + path + "': " + strerror(failed));
  }
  const bool answers = eventually([&] {
    if (!running()) return true;
    return exists(socket()) && Connection(virConnectOpen(uri().c_str()));
  });
  if (!running()) throw std::runtime_error("the daemon ended at once:\n" + output());
  if (!answers) throw std::runtime_error("the daemon does not answer on " + socket() + ":\n" + output());
}

bool Daemon::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  pid_ = -1;
  return false;
}

int Daemon::stop() {
  if (pid_ < 0) return -1;
  ::kill(pid_, SIGTERM);
  int status = 0;
  const bool ended = eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
  }
  pid_ = -1;
  return exit_code(status);
}

void Daemon::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
}

void Daemon::destroy_domains() {
  Connection connection(virConnectOpen(uri().c_str()));
  if (!connection) return;
  virDomainPtr* domains = nullptr;
  const int count = virConnectListAllDomains(connection, &domains, 0);
  for (int i = 0; i < count; ++i) {
    Domain domain(domains[i]);
    if (virDomainIsActive(domain) == 1) virDomainDestroy(domain);
    if (virDomainIsPersistent(domain) == 1) virDomainUndefine(domain);
  }
  free(domains);
}

std::string Daemon::output() const {
  return read_text(root_ + "/daemon.out");
}

}  // namespace support
