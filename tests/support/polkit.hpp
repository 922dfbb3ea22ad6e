// A message bus and a polkitd of a test's own, with the test's rules. Started by polkit.sh.
#pragma once

#include <string>
#include <vector>

#include "support/command.hpp"

namespace support {

class Polkit {
 public:
  /// Why there can be none here; "" if there can.
  static std::string missing();

  /// `rules`: JavaScript, as in a file of /etc/polkit-1/rules.d.
  explicit Polkit(const std::string& rules);
  Polkit(const Polkit&) = delete;
  Polkit& operator=(const Polkit&) = delete;
  ~Polkit();

  /// The bus's socket.
  std::string bus() const { return folder_ + "/bus"; }
  /// SIGSTOP and SIGCONT.
  void hang();
  void go_on();
  /// SIGKILL: the bus goes on without it.
  void kill();

  /// For an interrupted run.
  static void end_all();

 private:
  void signal(int number) const;
  std::string folder_;
};

/// Runs a program as user nobody, without other groups.
Output run_as_nobody(std::vector<std::string> command);

}  // namespace support
