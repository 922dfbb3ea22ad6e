// Questions to polkit over D-Bus (org.freedesktop.PolicyKit1.Authority), answered on the loop thread: nobody ever waits
// for it, and an authority that hangs costs each question a bounded time. Loop thread only.
#pragma once

#include <systemd/sd-bus.h>

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/event_loop.hpp"
#include "rpc/connection.hpp"

namespace driver {

class Polkit {
 public:
  enum class Verdict { Yes, No, Dismissed, NobodyToAsk, Unknown };
  struct Answer {
    Verdict verdict = Verdict::Unknown;
    std::string error;  // why it is unknown
  };
  /// Silent: from the rules alone. Interactive: polkit may ask the user for a password, which takes the time it takes.
  enum class Manner { Silent, Interactive };
  struct Question {
    rpc::PeerCredentials subject;
    std::string action;
    std::vector<std::pair<std::string, std::string>> details;  // what the rules can look up
    Manner manner = Manner::Silent;
  };

  explicit Polkit(base::EventLoop& loop) : loop_(loop) {}
  ~Polkit();
  Polkit(const Polkit&) = delete;
  Polkit& operator=(const Polkit&) = delete;

  /// `answered` is called once, at once or later; never after the destructor.
  void ask(Question question, std::function<void(const Answer&)> answered);
  /// Lets go of every open question; none is answered any more.
  void forget_all();

 private:
  struct Asked {
    Polkit& polkit;
    Question question;
    std::function<void(const Answer&)> answered;
    sd_bus_slot* slot = nullptr;
    std::list<Asked>::iterator self;
  };
  struct CloseBus {
    void operator()(sd_bus* bus) const;
  };

  static int on_reply(sd_bus_message* reply, void* asked, sd_bus_error*);
  void send(Question question, std::function<void(const Answer&)> answered);
  void send_waiting();
  void call(Asked& asked);
  void open_bus();
  void finish(std::list<Asked>::iterator asked, const Answer& answer);
  std::size_t open_questions(Manner manner) const;

  base::EventLoop& loop_;
  std::unique_ptr<sd_bus, CloseBus> bus_;
  std::list<Asked> asked_;  // on their way
  struct Waiting {
    Question question;
    std::function<void(const Answer&)> answered;
    std::chrono::steady_clock::time_point since;
  };
  std::deque<Waiting> waiting_;
  bool sending_ = false;  // send_waiting() is at work
};

}  // namespace driver
