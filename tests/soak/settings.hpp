// How long and how much, from the command line: the defaults are the short form that runs in CI.
#pragma once

#include <string>

namespace soak {

struct Settings {
  unsigned seconds = 20;  // of random calls
  unsigned long seed = 1;
  unsigned clients = 32;
  unsigned cycles = 100;       // starts and stops
  unsigned running = 20;       // containers at the same time
  unsigned defined = 300;      // domains
  unsigned connections = 100;  // clients at the same time
  unsigned attack_seconds = 2;
};
const Settings& settings();

/// One line of the report, "[ SOAK     ] name: value".
void report(const std::string& line);

}  // namespace soak
