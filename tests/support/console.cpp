#include "support/console.hpp"

#include <condition_variable>
#include <mutex>

#include "support/handles.hpp"

namespace support {

struct Console::State {
  Stream stream;
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::string text;
  bool ended = false;

  /// On the event loop thread.
  void on_event(int events) {
    bool end = (events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) != 0;
    char buffer[4096];
    int got = 0;
    while ((got = virStreamRecv(stream, buffer, sizeof buffer)) > 0) {
      const std::lock_guard lock(mutex);
      text.append(buffer, static_cast<std::size_t>(got));
      changed.notify_all();
    }
    end = end || got == 0 || got == -1;
    if (!end) return;
    virStreamEventUpdateCallback(stream, 0);
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }
};

std::unique_ptr<Console> Console::open(virDomainPtr domain, const char* alias, unsigned flags, Failure* why) {
  Stream stream(virStreamNew(virDomainGetConnect(domain), VIR_STREAM_NONBLOCK));
  if (!stream || virDomainOpenConsole(domain, alias, stream, flags) < 0) {
    if (why) *why = last_failure();
    return nullptr;
  }
  virStreamRef(stream);
  return std::unique_ptr<Console>(new Console(stream));
}

Console::Console(virStreamPtr stream) : state_(std::make_shared<State>()) {
  using Shared = std::shared_ptr<State>;
  state_->stream = Stream(stream);
  virStreamEventAddCallback(
      stream, VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP,
      [](virStreamPtr, int events, void* opaque) { (*static_cast<Shared*>(opaque))->on_event(events); },
      new Shared(state_), [](void* opaque) { delete static_cast<Shared*>(opaque); });
}

Console::~Console() {
  virStreamEventRemoveCallback(state_->stream);
  virStreamAbort(state_->stream);
}

std::string Console::text() const {
  const std::lock_guard lock(state_->mutex);
  return state_->text;
}

std::size_t Console::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->text.size();
}

bool Console::wait_for(const std::string& text, Milliseconds limit) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [&] { return state_->text.find(text) != std::string::npos; });
}

void Console::type(const std::string& keys) {
  std::size_t sent = 0;
  eventually([&] {
    const int count = virStreamSend(state_->stream, keys.data() + sent, keys.size() - sent);
    if (count == -1) return true;
    if (count > 0) sent += static_cast<std::size_t>(count);
    return sent == keys.size();
  });
}

bool Console::wait_for_end(Milliseconds limit) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [&] { return state_->ended; });
}

}  // namespace support
