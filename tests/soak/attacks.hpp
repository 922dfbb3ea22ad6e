// Slow and hostile clients: what each kind does to a daemon for as long as it is let.
#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace soak {

/// The daemon that is attacked, and a running container of it.
struct Victim {
  std::string socket, domain;
};

struct Attack {
  std::string name, what;
  unsigned threads;
  /// On each thread until it is over. How often it did what it does.
  unsigned long (*run)(const Victim& victim, const std::atomic<bool>& over);
};
const std::vector<Attack>& attacks();
const Attack& find_attack(const std::string& name);

/// A process that does nothing else: says so on stdout once it is at it, and goes on until stdin ends; then says how
/// often it did what it does.
int run_attack(const Attack& attack, const Victim& victim);

}  // namespace soak
