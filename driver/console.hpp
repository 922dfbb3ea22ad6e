// One client's view of a console: the supervisor's socket ↔ an rpc stream, with flow control both ways. Loop thread
// only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/uuid.hpp"
#include "rpc/stream.hpp"

namespace driver {

enum class IfBusy { Share, TakeOver };

class Console;

/// The consoles clients look at right now, so that one of them can be taken over.
class OpenConsoles {
 public:
  struct Key {
    base::Uuid domain;
    std::size_t index = 0;
    auto operator<=>(const Key&) const = default;
  };
  void add(const Key& key, Console& console) { open_[key].insert(&console); }
  void remove(const Key& key, Console& console);
  /// Ends everybody else's stream on this console with an error that says why.
  void end_others(const Key& key, const Console& newcomer);

 private:
  std::map<Key, std::set<Console*>> open_;
};

class Console : public rpc::StreamPeer {
 public:
  Console(base::EventLoop& loop, OpenConsoles& consoles, OpenConsoles::Key key, base::Fd socket, IfBusy if_busy);
  ~Console() override;

  void opened(rpc::Stream& stream) override;
  std::size_t on_data(std::string_view bytes) override;
  void on_can_send() override;
  void on_finish() override;
  void on_abort() override;
  /// Somebody else takes over.
  void end(const std::string& why);

 private:
  void on_ready(std::uint32_t events);
  void send_output();
  void watch();

  base::EventLoop& loop_;
  OpenConsoles& consoles_;
  const OpenConsoles::Key key_;
  base::Fd socket_;
  const IfBusy if_busy_;
  rpc::Stream* stream_ = nullptr;
  base::Watch watch_;
  bool listed_ = false;  // in consoles_, which only the loop thread may touch
  bool output_ended_ = false;
  bool input_blocked_ = false;  // the console did not take everything: wait until it can
};

}  // namespace driver
