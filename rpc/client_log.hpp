// Lines in the log that a client can bring about at will. Each process has so many in a while; what is more is counted
// and told in one line.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "base/log.hpp"

namespace rpc {

/// Who has had how much; decides, and writes nothing.
class LineAccounts {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr unsigned kLines = 50;
  static constexpr std::chrono::seconds kWhile{10};
  static constexpr std::size_t kMostProcesses = 1024;  // more of them share one account

  /// Whether `process` may have a line written now.
  bool admit(pid_t process, Time now);
  struct LeftOut {
    pid_t process;  // 0: several
    std::uint64_t lines;
    bool operator==(const LeftOut&) const = default;
  };
  /// What was left out for those whose while is over; they begin anew.
  std::vector<LeftOut> settle(Time now);
  bool empty() const { return accounts_.empty(); }

 private:
  struct Account {
    Time begin;
    unsigned lines = 0;
    std::uint64_t left_out = 0;
  };
  std::map<pid_t, Account> accounts_;
};

class ClientLog {
 public:
  /// The owner outlives it.
  explicit ClientLog(base::EventLoop& loop) : loop_(loop) {}
  ~ClientLog() { *alive_ = false; }
  ClientLog(const ClientLog&) = delete;
  ClientLog& operator=(const ClientLog&) = delete;

  /// Any thread.
  void write(base::log::Level level, pid_t process, const std::string& line, const char* source = __builtin_FILE());

 private:
  void settle();
  void wait_for_settling();

  base::EventLoop& loop_;
  std::mutex mutex_;
  LineAccounts accounts_;
  bool settling_ = false;  // settle() is on its way
  base::Watch timer_;      // the loop thread's
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rpc
