#include "base/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/memory_reserve.hpp"

namespace base {
namespace {

// Of turns. A thread that wants a CPU all the time waits for it among others that do, and everybody's short calls with
// it; one that sleeps has it as soon as it wakes.
constexpr std::chrono::microseconds kMostAtOnce(100), kPause(300);

void check(int result, const char* what) {
  if (result < 0) fail_errno_value(-result, Code::SystemError, what);
}

template <typename Call>
void guarded(Call&& call) noexcept {
  try {
    call();
  } catch (const std::exception& error) {
    log::error("event loop: {}", error.what());
  }
}

}  // namespace

struct Watch::State {
  sd_event_source* source = nullptr;
  // Shared, so that a callback may destroy its own watch while it runs.
  std::shared_ptr<std::function<void(std::uint32_t)>> call;
  ~State() {
    if (source) {
      sd_event_source_set_enabled(source, SD_EVENT_OFF);
      sd_event_source_unref(source);
    }
  }
};

Watch::Watch(std::unique_ptr<State> state) noexcept : state_(state.release()) {}
Watch::~Watch() = default;
void Watch::Delete::operator()(State* state) const noexcept {
  delete state;
}

void Watch::set_events(std::uint32_t events) {
  if (state_) check(sd_event_source_set_io_events(state_->source, events), "cannot change watched events");
}

namespace {

void invoke(void* userdata, std::uint32_t revents) {
  const auto call = static_cast<Watch::State*>(userdata)->call;
  guarded([&] { (*call)(revents); });
}

int io_callback(sd_event_source*, int, std::uint32_t revents, void* userdata) {
  invoke(userdata, revents);
  return 0;
}

int time_callback(sd_event_source*, std::uint64_t, void* userdata) {
  invoke(userdata, 0);
  return 0;
}

int signal_callback(sd_event_source*, const struct signalfd_siginfo*, void* userdata) {
  invoke(userdata, 0);
  return 0;
}

std::unique_ptr<Watch::State> make_state(std::function<void(std::uint32_t)> call) {
  auto state = std::make_unique<Watch::State>();
  state->call = std::make_shared<std::function<void(std::uint32_t)>>(std::move(call));
  return state;
}

}  // namespace

struct EventLoop::Impl {
  sd_event* event = nullptr;
  Fd wake;
  Watch wake_watch;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  // Readable as long as there are turns: the loop dispatches descriptors in the order in which they became ready.
  Fd turn_wake;
  Watch turn_watch;
  std::deque<std::function<void()>> turns;
  std::chrono::steady_clock::duration turns_took{};  // since the last pause, or since there were none
  Watch pause;
  std::thread::id thread;

  void run_posted() {
    std::uint64_t count;
    [[maybe_unused]] const ssize_t got = ::read(wake.get(), &count, sizeof count);
    std::vector<std::function<void()>> calls;
    {
      const std::scoped_lock lock(mutex);
      calls.swap(posted);
    }
    for (auto& call : calls) guarded(call);
    renew_memory_reserve();
  }

  void run_turn() {
    const auto call = std::move(turns.front());
    turns.pop_front();
    if (turns.empty()) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t got = ::read(turn_wake.get(), &count, sizeof count);
    }
    const auto begin = std::chrono::steady_clock::now();
    guarded(call);
    turns_took =
        turns.empty() ? std::chrono::steady_clock::duration() : turns_took + (std::chrono::steady_clock::now() - begin);
  }
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
  check(sd_event_new(&impl_->event), "cannot make an event loop");
  impl_->thread = std::this_thread::get_id();
  impl_->wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  impl_->turn_wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl_->wake || !impl_->turn_wake) fail_errno(Code::SystemError, "cannot make an eventfd");
  impl_->turn_watch = on_fd(impl_->turn_wake.get(), EPOLLIN, [this](std::uint32_t) {
    impl_->run_turn();
    if (impl_->turns_took < kMostAtOnce) return;
    impl_->turns_took = {};
    impl_->pause = after(kPause, [this] { impl_->turn_watch.set_events(EPOLLIN); });
    impl_->turn_watch.set_events(0);
  });
  impl_->wake_watch = on_fd(impl_->wake.get(), EPOLLIN, [this](std::uint32_t) { impl_->run_posted(); });
}

EventLoop::~EventLoop() {
  impl_->wake_watch = {};
  impl_->turn_watch = {};
  impl_->pause = {};
  impl_->posted.clear();
  impl_->turns.clear();
  sd_event_unref(impl_->event);
}

Watch EventLoop::on_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t)> call) {
  auto state = make_state(std::move(call));
  check(sd_event_add_io(impl_->event, &state->source, fd, events, io_callback, state.get()),
        "cannot watch a descriptor");
  return Watch(std::move(state));
}

Watch EventLoop::after(std::chrono::microseconds delay, std::function<void()> call) {
  auto state = make_state([call = std::move(call)](std::uint32_t) { call(); });
  check(sd_event_add_time_relative(impl_->event, &state->source, CLOCK_MONOTONIC,
                                   static_cast<std::uint64_t>(delay.count()), 1000, time_callback, state.get()),
        "cannot start a timer");
  return Watch(std::move(state));
}

Watch EventLoop::on_signal(int number, std::function<void()> call) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  if (const int result = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); result != 0)
    fail_errno_value(result, Code::SystemError, "cannot block signal ", number);
  auto state = make_state([call = std::move(call)](std::uint32_t) { call(); });
  check(sd_event_add_signal(impl_->event, &state->source, number, signal_callback, state.get()),
        "cannot watch a signal");
  return Watch(std::move(state));
}

void EventLoop::post(std::function<void()> call) {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->posted.push_back(std::move(call));
    if (impl_->posted.size() > 1) return;  // the loop has been woken already
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(impl_->wake.get(), &one, sizeof one);
}

void EventLoop::take_turn(std::function<void()> call) {
  impl_->turns.push_back(std::move(call));
  if (impl_->turns.size() > 1) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(impl_->turn_wake.get(), &one, sizeof one);
}

void EventLoop::run() {
  impl_->thread = std::this_thread::get_id();
  check(sd_event_loop(impl_->event), "event loop failed");
}

void EventLoop::stop() {
  post([this] { sd_event_exit(impl_->event, 0); });
}

sd_event* EventLoop::handle() const noexcept {
  return impl_->event;
}

bool EventLoop::in_loop_thread() const noexcept {
  return impl_->thread == std::this_thread::get_id();
}

}  // namespace base
