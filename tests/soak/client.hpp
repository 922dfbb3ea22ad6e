// One client of the daemon that makes random calls on its own domain and on ones it shares with others, and keeps what
// it was answered.
#pragma once

#include <libvirt/libvirt.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "soak/oracle.hpp"
#include "support/handles.hpp"

namespace soak {

/// A domain that calls are made on.
struct Target {
  std::string name, uuid;
  std::string root;                // host folder
  std::string bridge, mac;         // of its interfaces; the last letter of `mac` is free
  std::vector<std::string> extra;  // folders for filesystems that come and go
  bool shared = false;

  std::string xml(long shares) const;
  std::string device_xml(long number) const;
};

struct Timing {
  unsigned long calls = 0, failed = 0;
  double total_ms = 0, worst_ms = 0;
};
using Timings = std::array<Timing, kKinds>;

class Client {
 public:
  Client(unsigned number, unsigned long seed, std::string uri, const std::vector<Target>& targets);

  /// Makes calls until `end`.
  void work(std::chrono::steady_clock::time_point end);
  /// What it has done on target `index` since the last time it was asked.
  std::vector<Call> take(std::size_t index);
  const Timings& timings() const { return timings_; }
  /// Of the call that is under way, empty between calls.
  std::string under_way(std::chrono::milliseconds longer_than) const;

  /// One call, kept.
  Answer call(std::size_t target, const Operation& operation);

 private:
  Operation choose(const Target& target);
  Answer execute(const Target& target, virDomainPtr domain, const Operation& operation) const;

  unsigned number_;
  std::mt19937_64 random_;
  const std::vector<Target>& targets_;
  support::Connection connection_;
  std::vector<support::Domain> handles_;
  std::vector<std::vector<Call>> calls_;
  Timings timings_;
  std::atomic<std::int64_t> since_ = 0;  // steady clock, when the call under way began
  std::atomic<int> kind_ = 0;
};

}  // namespace soak
