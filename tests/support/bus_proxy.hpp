// A way to a message bus that can be cut: bytes go both ways until then. So a bus goes away in the middle of a call,
// and the rest of the machine keeps it.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace support {

class BusProxy {
 public:
  /// The system's own bus.
  static constexpr const char* kSystemBus = "/run/dbus/system_bus_socket";

  explicit BusProxy(std::string bus = kSystemBus);
  BusProxy(const BusProxy&) = delete;
  BusProxy& operator=(const BusProxy&) = delete;
  ~BusProxy();

  /// The words that lead a program to it.
  std::vector<std::string> entrance() const { return {"env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + path_}; }
  /// From now on the connection on which a client says `word` (a method's name) ends once the bus has been told, and
  /// before it can answer. Once.
  void cut_at(const std::string& word);
  /// Whether that has happened.
  bool was_cut() const { return was_cut_; }
  /// Ends all connections.
  void cut();
  /// Bytes that clients have sent so far.
  unsigned long sent() const { return sent_; }

 private:
  struct Pair {
    base::Fd client, bus;
    std::string last;  // what the client said last, in case a word comes in pieces
  };
  void run();
  void admit();
  bool pass(const base::Fd& from, const base::Fd& to, std::string& bytes) const;
  bool serve(Pair& pair);

  const std::string bus_, path_;
  base::Fd door_;
  std::atomic<bool> over_ = false, was_cut_ = false, cut_all_ = false;
  std::atomic<unsigned long> sent_ = 0;
  std::mutex mutex_;  // of word_
  std::string word_;
  std::vector<Pair> pairs_;  // of the thread
  std::thread thread_;
};

}  // namespace support
