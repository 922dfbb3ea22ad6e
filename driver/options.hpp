// The daemon's command line.
#pragma once

#include <optional>
#include <string>

namespace driver {

struct Options {
  std::string root;
  std::string config_file;  // empty: the root's own, if there is one
  std::string driver_name;  // empty: the config's
  std::string pid_file;     // empty: the root's own
  bool daemon = false;
  bool verbose = false;
  bool check_host = false;
  unsigned timeout_seconds = 0;  // 0: never ends by itself
};

/// nullopt when --help, --version or a mistake has been answered: `exit_code` then says how to end.
std::optional<Options> parse_options(int argc, char** argv, int& exit_code);

}  // namespace driver
