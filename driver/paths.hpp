// Where everything of one daemon lives, below its --root.
#pragma once

#include <string>

namespace driver {

struct Paths {
  std::string root;         // "" for the real system
  std::string driver_name;  // "lxcell", or "lxc" as a drop-in
  std::string socket_rw, socket_ro;
  std::string config_file;  // virtlxcelld.conf
  std::string definitions;  // NAME.xml
  std::string autostart;    // links to definitions
  std::string journal;      // definitions not there yet
  std::string run;          // live state, supervisor sockets
  std::string logs;         // NAME.log
  std::string pid_file;

  /// Pure; makes nothing.
  static Paths below(const std::string& root, const std::string& driver_name);
};

/// mkdir -p with mode 0755 (the last part with `mode`); throws SystemError naming the directory.
void make_directories(const std::string& path, unsigned mode);

}  // namespace driver
