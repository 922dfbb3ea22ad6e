// Where everything of one daemon lives, below its --root.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace driver {

struct Paths {
  std::string root;         // "" for the real system
  std::string driver_name;  // "lxcell", or "lxc" as a drop-in
  std::string socket_rw, socket_ro, socket_admin;
  std::string config_file;  // virtlxcelld.conf
  std::string definitions;  // NAME.xml
  std::string autostart;    // links to definitions
  std::string journal;      // definitions not there yet
  std::string run;          // live state, supervisor sockets
  std::string logs;         // NAME.log
  std::string hooks;        // the administrator's program; hooks + ".d" has more
  std::string pid_file;

  void move_sockets(const std::string& directory);
  /// Pure; makes nothing.
  static Paths below(const std::string& root, const std::string& driver_name);
};

/// mkdir -p with mode 0755 (the last part with `mode`); throws SystemError naming the directory.
void make_directories(const std::string& path, unsigned mode);
/// Empty when there is none. Throws SystemError when it cannot be read: nothing is taken for absent that only cannot be
/// seen.
std::vector<std::filesystem::directory_entry> list_directory(const std::string& path);

}  // namespace driver
