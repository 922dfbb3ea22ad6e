#include "driver/console.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.hpp"

namespace driver {

void OpenConsoles::remove(const Key& key, Console& console) {
  const auto at = open_.find(key);
  if (at == open_.end()) return;
  at->second.erase(&console);
  if (at->second.empty()) open_.erase(at);
}

void OpenConsoles::end_others(const Key& key, const Console& newcomer) {
  const auto at = open_.find(key);
  if (at == open_.end()) return;
  const std::set<Console*> others = at->second;  // ending one removes it from the original
  for (Console* other : others)
    if (other != &newcomer) other->end("console taken over by another client");
}

Console::Console(base::EventLoop& loop, OpenConsoles& consoles, OpenConsoles::Key key, base::Fd socket, IfBusy if_busy)
    : loop_(loop), consoles_(consoles), key_(key), socket_(std::move(socket)), if_busy_(if_busy) {}

Console::~Console() {
  if (listed_) consoles_.remove(key_, *this);
}

void Console::opened(rpc::Stream& stream) {
  stream_ = &stream;
  consoles_.add(key_, *this);
  listed_ = true;
  if (if_busy_ == IfBusy::TakeOver) consoles_.end_others(key_, *this);
  watch_ = loop_.on_fd(socket_.get(), EPOLLIN, [this](std::uint32_t events) { on_ready(events); });
}

void Console::on_ready(std::uint32_t events) {
  if (events & EPOLLOUT) {
    input_blocked_ = false;
    stream_->pause_input(false);  // may call on_data at once
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) send_output();
  if (stream_) watch();
}

void Console::send_output() {
  static std::array<char, 65536> buffer;  // loop thread only
  while (stream_ && stream_->can_send() && !output_ended_) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      output_ended_ = true;
      stream_->send_eof();
      return;
    }
    stream_->send({buffer.data(), static_cast<std::size_t>(got)});
  }
}

/// After the end of output hang-up is reported forever: nothing more is waited for then.
void Console::watch() {
  if (output_ended_) {
    watch_ = {};
    return;
  }
  std::uint32_t events = stream_->can_send() ? static_cast<std::uint32_t>(EPOLLIN) : 0;
  if (input_blocked_) events |= EPOLLOUT;
  watch_.set_events(events);
}

std::size_t Console::on_data(std::string_view bytes) {
  if (output_ended_) return bytes.size();  // the console is gone; what is typed goes nowhere
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const ssize_t put = ::send(socket_.get(), bytes.data() + taken, bytes.size() - taken, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {
      input_blocked_ = true;
      stream_->pause_input(true);
      watch();
      return taken;
    }
    if (put < 0) return bytes.size();
    taken += static_cast<std::size_t>(put);
  }
  return taken;
}

void Console::on_can_send() {
  if (!watch_) return;
  send_output();
  if (stream_) watch();
}

void Console::on_finish() {
  watch_ = {};
  stream_ = nullptr;
}

void Console::on_abort() {
  watch_ = {};
  stream_ = nullptr;
}

void Console::end(const std::string& why) {
  watch_ = {};
  rpc::Stream* stream = std::exchange(stream_, nullptr);
  if (stream) stream->fail(base::Error(base::Code::OperationFailed, base::From::Streams, why));
}

}  // namespace driver
