// This daemon's own connection to one of libvirt's other drivers, through libvirt's client library: opened when first
// needed, and again when the daemon at the other end has been restarted. Calls block, but not for ever: the library has
// no limit of its own (a daemon that accepts and says nothing holds virConnectOpen), so each runs on a thread that is
// left behind when it takes too long. Any thread but the loop's.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "driver/libvirt_library.hpp"
#include "driver/siblings.hpp"

namespace driver {

/// Throws what the last libvirt call on this thread failed with, code, domain and text as they came.
[[noreturn]] void fail_as_libvirt();
/// What that was; a value of virErrorNumber.
int last_libvirt_code();

class SiblingClient {
 public:
  SiblingClient(const Siblings& siblings, rpc::Subdriver subdriver);

  /// What `use` returns, on the connection there is; once more on a new one if the old one turns out to have ended.
  /// Throws as libvirt's own daemons do when nobody is there, and OperationTimeout for a daemon that does not answer:
  /// at once while it owes the answer to an earlier call. `use` runs on another thread and may outlive this call: it
  /// must own what it uses.
  template <typename Use>
  auto with(Use use) {
    using Result = std::invoke_result_t<Use, virConnectPtr>;
    require_answering();
    const auto turn = std::make_shared<Turn>();
    std::packaged_task<Result()> task([link = link_, turn, use = std::move(use)]() -> Result {
      const Connection connection = link->connect();
      try {
        return use(connection.get());
      } catch (const base::Error&) {
        if (turn->abandoned() || virConnectIsAlive(connection.get()) == 1) throw;
      }
      return use(link->connect().get());
    });
    auto result = task.get_future();
    std::thread([task = std::move(task), link = link_, turn]() mutable {
      task();
      turn->end(*link);
    }).detach();
    if (result.wait_for(limit_) == std::future_status::timeout && turn->abandon(*link_)) fail_silent();
    return result.get();
  }

 private:
  using Connection = std::shared_ptr<virConnect>;
  struct Link {
    explicit Link(std::function<std::string()> where) : uri(std::move(where)) {}
    Connection connect();
    const std::function<std::string()> uri;
    std::mutex mutex;
    Connection connection;
    std::atomic<int> owed{0};  // answers that nobody waits for any more
  };
  /// One call: whoever comes second, its end or the one that does not wait for it any more, knows of the other.
  class Turn {
   public:
    bool abandoned() const { return state_ == State::Abandoned; }
    /// False: it has just ended.
    bool abandon(Link& link);
    void end(Link& link);

   private:
    enum class State { Running, Ended, Abandoned };
    std::atomic<State> state_{State::Running};
  };
  void require_answering() const;
  [[noreturn]] void fail_silent() const;

  const std::string name_;
  const std::chrono::milliseconds limit_;
  std::shared_ptr<Link> link_;
};

}  // namespace driver
