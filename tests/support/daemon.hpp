// One virtlxcelld of the suite's own, everything of it below one folder.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace support {

class Daemon {
 public:
  /// Nothing runs yet. `root` is made if it does not exist.
  /// `entrance`: the words that put the program somewhere else first and then become it ("nsenter ...").
  explicit Daemon(std::string root, std::vector<std::string> options = {}, std::vector<std::string> entrance = {});
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  /// Destroys the domains and stops the daemon.
  ~Daemon();

  /// Spawns the daemon and waits until it accepts connections. Throws with the end of its log otherwise.
  void start();
  /// Another build from the next start() on.
  void use(const std::string& path) { program_ = path; }
  /// SIGTERM and wait; containers stay. The exit code, or 128 + signal.
  int stop();
  /// SIGKILL and wait.
  void kill();
  bool running();
  void destroy_domains();

  /// For an interrupted run: ends every daemon there is, containers included. From then on start() never returns.
  static void end_all();

  pid_t pid() const { return pid_; }
  const std::string& root() const { return root_; }
  std::string socket() const { return root_ + "/run/libvirt/virtlxcelld-sock"; }
  std::string uri() const { return "lxcell:///system?socket=" + socket(); }
  std::string config_folder() const { return root_ + "/etc/libvirt/lxcell"; }
  std::string state_folder() const { return root_ + "/run/libvirt/lxcell"; }
  std::string log_folder() const { return root_ + "/var/log/libvirt/lxcell"; }
  /// What the daemon printed so far.
  std::string output() const;

  /// The program: LXCELL_DAEMON, or the one of this build.
  static std::string program();

 private:
  std::string root_, program_ = program();
  std::vector<std::string> options_, entrance_;
  pid_t pid_ = -1;
};

}  // namespace support
