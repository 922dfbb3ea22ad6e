// Thin owner over sd-event (sd_event(3)): descriptors, timers, signals, and work posted from other threads.
// Every callback runs on the thread that calls run(); an exception that leaves a callback is logged, never fatal.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

namespace base {

/// One registration with the loop; destroying it ends it. Loop thread only.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&&) noexcept = default;
  ~Watch();
  explicit operator bool() const noexcept { return state_ != nullptr; }
  /// For descriptors: the EPOLLIN/EPOLLOUT bits waited for; 0 pauses (errors and hang-up are still reported).
  void set_events(std::uint32_t events);

  struct State;

 private:
  friend class EventLoop;
  explicit Watch(std::unique_ptr<State> state) noexcept;
  struct Delete {
    void operator()(State* state) const noexcept;
  };
  std::unique_ptr<State, Delete> state_;
};

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  [[nodiscard]] Watch on_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t revents)> call);
  /// Once, after `delay`.
  [[nodiscard]] Watch after(std::chrono::microseconds delay, std::function<void()> call);
  /// The signal is blocked for the calling thread; do this before other threads start.
  [[nodiscard]] Watch on_signal(int number, std::function<void()> call);

  /// Runs `call` on the loop thread soon, in the order posted. Any thread.
  void post(std::function<void()> call);

  /// Runs `call` after what is ready now; of several one at a time, with what has become ready between them, and for a
  /// quarter of the time at most: who has much to do holds up nobody who has little. Loop thread only.
  void take_turn(std::function<void()> call);

  void run();
  /// Makes run() return after the current callback. Any thread.
  void stop();
  bool in_loop_thread() const noexcept;
  /// For libraries that bring their own event sources (sd_bus_attach_event(3)).
  sd_event* handle() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace base
