#include "rpc/client_log.hpp"

#include <utility>

namespace rpc {

bool LineAccounts::admit(pid_t process, Time now) {
  if (accounts_.size() >= kMostProcesses && !accounts_.contains(process)) process = 0;
  Account& account = accounts_.try_emplace(process, Account{now}).first->second;
  if (account.lines < kLines) {
    ++account.lines;
    return true;
  }
  ++account.left_out;
  return false;
}

std::vector<LineAccounts::LeftOut> LineAccounts::settle(Time now) {
  std::vector<LeftOut> found;
  std::erase_if(accounts_, [&](const auto& one) {
    const auto& [process, account] = one;
    if (now - account.begin < kWhile) return false;
    if (account.left_out > 0) found.push_back({process, account.left_out});
    return true;
  });
  return found;
}

void ClientLog::write(base::log::Level level, pid_t process, const std::string& line, const char* source) {
  if (!base::log::enabled(level)) return;
  {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(settling_, true))
      loop_.post([this, alive = alive_] {
        if (*alive) wait_for_settling();
      });
    if (!accounts_.admit(process, std::chrono::steady_clock::now())) return;
  }
  base::log::write(level, line, source);
}

void ClientLog::wait_for_settling() {
  timer_ = loop_.after(LineAccounts::kWhile, [this] { settle(); });
}

void ClientLog::settle() {
  std::vector<LineAccounts::LeftOut> found;
  bool more = false;
  {
    const std::scoped_lock lock(mutex_);
    found = accounts_.settle(std::chrono::steady_clock::now());
    more = settling_ = !accounts_.empty();
  }
  for (const auto& [process, lines] : found)
    if (process != 0)
      base::log::warning("clients of pid {}: {} more like this in {} s", process, lines, LineAccounts::kWhile.count());
    else
      base::log::warning("clients: {} more like this in {} s", lines, LineAccounts::kWhile.count());
  if (more) wait_for_settling();
}

}  // namespace rpc
