// How long and how much, from the command line: the defaults are the short form that runs in CI.
#pragma once

#include <string>

namespace soak {

struct Settings {
  unsigned seconds = 5;  // of random calls
  unsigned long seed = 1;
  unsigned clients = 32;
  unsigned cycles = 100;       // starts and stops
  unsigned cycle_seconds = 0;  // the most that they may take; 0: as long as they take
  unsigned running = 20;       // containers at the same time
  unsigned defined = 300;      // domains
  unsigned connections = 100;  // clients at the same time
  unsigned attack_seconds = 1;
  bool operator==(const Settings&) const = default;
};
const Settings& settings();

/// One line of the report, "[ SOAK     ] name: value".
void report(const std::string& line);

}  // namespace soak
