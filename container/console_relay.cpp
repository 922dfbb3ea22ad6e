#include "container/console_relay.hpp"

#include <asm/termbits.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "container/failure.hpp"
#include "container/small_text.hpp"

namespace container {
namespace {

/// As cfmakeraw(3).
void make_raw(int terminal) {
  struct termios settings;
  if (ioctl(terminal, TCGETS, &settings) != 0) return;
  settings.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  settings.c_cflag = (settings.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8;
  ioctl(terminal, TCSETS, &settings);
}

int open_slave(int master) {
  return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

bool would_block(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace

std::int64_t now_milliseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

void Console::open_host_side(int epoll, std::uint32_t tag) {
  epoll_ = epoll;
  tag_ = tag;
  host_.fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  const int unlocked = 0;
  unsigned number = 0;
  if (host_.fd < 0 || ioctl(host_.fd, TIOCSPTLCK, &unlocked) != 0 || ioctl(host_.fd, TIOCGPTN, &number) != 0) {
    give_up("open host console", "/dev/ptmx");
  }
  host_slave_ = open_slave(host_.fd);
  if (host_slave_ < 0) give_up("open host console", "/dev/ptmx");
  make_raw(host_slave_);
  SmallText<sizeof host_path_> path;
  path << "/dev/pts/" << static_cast<int>(number);
  std::memcpy(host_path_, path.c_str(), path.size() + 1);
}

void Console::log_to(const char* file, bool append) {
  // A FIFO that nobody reads is refused, not waited for.
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | (append ? 0 : O_TRUNC);
  log_ = open(file, flags, 0600);
  if (log_ < 0) give_up("open console log", file);
}

/// What the disk has no room for is lost; nobody waits for it.
void Console::write_log(const char* bytes, std::size_t size) const {
  while (log_ >= 0 && size > 0) {
    const ssize_t written = write(log_, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

/// A terminal program at the host pty sets that one's size. Nobody tells us, so it is looked at whenever something
/// comes or goes.
void Console::follow_size() {
  winsize size = {};
  if (host_.fd < 0 || container_.fd < 0 || ioctl(host_.fd, TIOCGWINSZ, &size) != 0) return;
  if ((size.ws_row == rows_ && size.ws_col == columns_) || (size.ws_row == 0 && size.ws_col == 0)) return;
  rows_ = size.ws_row;
  columns_ = size.ws_col;
  ioctl(container_.fd, TIOCSWINSZ, &size);
}

void Console::attach(int master, int slave) {
  container_.fd = master;
  container_slave_ = slave;
}

void Console::start() {
  started_ = true;
  update_interest();
}

bool Console::add_viewer(int fd) {
  for (Viewer& viewer : viewers_) {
    if (viewer.fd >= 0) continue;
    viewer = {};
    viewer.fd = fd;
    viewer.position = std::max(taken_, output_.oldest());
    viewer.progress_ms = now_milliseconds();
    send_to(viewer);
    if (finishing_) finish();
    update_interest();
    return true;
  }
  close(fd);
  return false;
}

void Console::on_event(std::uint32_t slot, std::uint32_t events) {
  follow_size();
  if (slot == kContainerSlot && container_.fd >= 0) {
    if ((events & EPOLLOUT) != 0) flush_input();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_output();
  } else if (slot == kHostSlot && host_.fd >= 0) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_host();
  } else if (slot >= kViewerSlot && slot < kViewerSlot + kMaxViewers) {
    Viewer& viewer = viewers_[slot - kViewerSlot];
    if (viewer.fd >= 0 && (events & EPOLLOUT) != 0) send_to(viewer);
    if (viewer.fd >= 0 && (events & EPOLLIN) != 0) read_viewer(viewer);
    if (viewer.fd >= 0 && (events & (EPOLLHUP | EPOLLERR)) != 0) remove(viewer);
  }
  if (finishing_) finish();
  update_interest();
}

/// How much may be read now without overwriting what a viewer that keeps up has still to get.
std::size_t Console::room() const {
  std::uint64_t oldest_needed = output_.end();
  for (const Viewer& viewer : viewers_) {
    if (viewer.fd >= 0 && !viewer.lossy) oldest_needed = std::min(oldest_needed, viewer.position);
  }
  return Scrollback::kSize - static_cast<std::size_t>(output_.end() - oldest_needed);
}

/// False when nothing more can be had for now.
bool Console::read_output() {
  const std::size_t limit = room();
  if (limit == 0 || container_.fd < 0) return false;
  const iovec space = output_.space(limit);
  const ssize_t got = read(container_.fd, space.iov_base, space.iov_len);
  if (got <= 0) {
    if (got == 0 || !would_block(errno)) reopen(container_, container_slave_);
    return false;
  }
  write_log(static_cast<const char*>(space.iov_base), static_cast<std::size_t>(got));
  // The host pty takes what it has room for; it is a courtesy, the ring is the record.
  if (host_.fd >= 0 && write(host_.fd, space.iov_base, static_cast<std::size_t>(got)) < 0 && !would_block(errno)) {
    reopen(host_, host_slave_);
  }
  output_.commit(static_cast<std::size_t>(got));
  send_to_all();
  return true;
}

void Console::send_to_all() {
  for (Viewer& viewer : viewers_) {
    if (viewer.fd >= 0) send_to(viewer);
  }
}

void Console::send_to(Viewer& viewer) {
  viewer.position = std::max(viewer.position, output_.oldest());
  while (viewer.position < output_.end()) {
    iovec parts[2];
    msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<std::size_t>(output_.from(viewer.position, parts));
    const ssize_t sent = sendmsg(viewer.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (!would_block(errno)) remove(viewer);
      return;
    }
    viewer.position += static_cast<std::uint64_t>(sent);
    viewer.progress_ms = now_milliseconds();
    viewer.lossy = false;
    taken_ = std::max(taken_, viewer.position);
  }
}

void Console::remove(Viewer& viewer) {
  // By hand, because the sender may hold another descriptor for the same socket, which would keep it in the set.
  if (viewer.interest != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, viewer.fd, nullptr);
  close(viewer.fd);
  viewer = {};
}

void Console::read_host() {
  if (input_size_ == kInputSize) return;
  const ssize_t got = read(host_.fd, input_ + input_size_, kInputSize - input_size_);
  if (got <= 0) {
    if (got == 0 || !would_block(errno)) reopen(host_, host_slave_);
    return;
  }
  input_size_ += static_cast<std::size_t>(got);
  flush_input();
}

void Console::read_viewer(Viewer& viewer) {
  if (input_size_ == kInputSize) return;
  const ssize_t got = recv(viewer.fd, input_ + input_size_, kInputSize - input_size_, MSG_DONTWAIT);
  if (got < 0 && would_block(errno)) return;
  if (got <= 0) return remove(viewer);
  input_size_ += static_cast<std::size_t>(got);
  flush_input();
}

void Console::flush_input() {
  while (input_size_ > 0) {
    const ssize_t written =
        container_.fd < 0 ? static_cast<ssize_t>(input_size_) : write(container_.fd, input_, input_size_);
    if (written < 0 && errno == EIO) input_size_ = 0;  // no terminal to take it
    input_refused_ = written < 0 && errno != EIO && !would_block(errno);
    if (written <= 0) return;
    input_size_ -= static_cast<std::size_t>(written);
    std::memmove(input_, input_ + written, input_size_);
  }
}

/// A hang-up from the other side (vhangup(2)) may have cut our slave off; a new one ends the end-of-file state. If that
/// fails the pty is of no more use, and keeping it would only wake us.
void Console::reopen(Source& master, int& slave) {
  const int fresh = finishing_ ? -1 : open_slave(master.fd);
  close(slave);
  slave = fresh;
  if (fresh >= 0) return;
  close(master.fd);
  master = {};
}

void Console::finish() {
  finishing_ = true;
  while (read_output()) {
  }
  if (room() > 0) drained_ = true;
  if (!drained_) return;
  if (container_.fd >= 0) {
    close(container_slave_);
    close(container_.fd);
    container_ = {};
  }
  send_to_all();
  for (Viewer& viewer : viewers_) {
    if (viewer.fd >= 0 && viewer.position == output_.end()) remove(viewer);
  }
}

bool Console::finished() const {
  return drained_ &&
         std::none_of(viewers_, viewers_ + kMaxViewers, [](const Viewer& viewer) { return viewer.fd >= 0; });
}

void Console::drop_viewers() {
  for (Viewer& viewer : viewers_) {
    if (viewer.fd >= 0) remove(viewer);
  }
  finish();
}

int Console::timeout() const {
  if (!started_) return -1;
  if (refused_ || input_refused_) return kRetryMilliseconds;
  if (room() > 0) return -1;
  std::int64_t next = kStallMilliseconds;
  const std::int64_t now = now_milliseconds();
  for (const Viewer& viewer : viewers_) {
    if (viewer.fd < 0 || viewer.lossy) continue;
    next = std::min(next, std::max<std::int64_t>(0, viewer.progress_ms + kStallMilliseconds - now));
  }
  return static_cast<int>(next);
}

void Console::tick() {
  const bool again = refused_ || input_refused_;
  if (input_refused_) flush_input();
  if (started_ && again) update_interest();
  if (!started_ || room() > 0) return;
  const std::int64_t now = now_milliseconds();
  for (Viewer& viewer : viewers_) {
    if (viewer.fd >= 0 && now - viewer.progress_ms >= kStallMilliseconds) viewer.lossy = true;
  }
  if (finishing_) finish();
  update_interest();
}

void Console::update_interest() {
  if (!started_) return;
  refused_ = false;
  const bool take_input = input_size_ < kInputSize;
  if (container_.fd >= 0) {
    const std::uint32_t wanted =
        (room() > 0 && !drained_ ? EPOLLIN : 0U) | (input_size_ > 0 && !input_refused_ ? EPOLLOUT : 0U);
    set_interest(container_.fd, container_.interest, wanted | EPOLLERR, kContainerSlot);
  }
  if (host_.fd >= 0) set_interest(host_.fd, host_.interest, (take_input ? EPOLLIN : 0U) | EPOLLERR, kHostSlot);
  for (std::uint32_t i = 0; i < kMaxViewers; i++) {
    Viewer& viewer = viewers_[i];
    if (viewer.fd < 0) continue;
    const std::uint32_t wanted = (take_input ? EPOLLIN : 0U) | (viewer.position < output_.end() ? EPOLLOUT : 0U);
    set_interest(viewer.fd, viewer.interest, wanted | EPOLLERR, kViewerSlot + i);
  }
}

void Console::set_interest(int fd, std::uint32_t& current, std::uint32_t wanted, std::uint32_t slot) {
  if (current == wanted) return;
  epoll_event event = {};
  event.events = wanted;
  event.data.u32 = tag_ + slot;
  if (epoll_ctl(epoll_, current == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0)
    current = wanted;
  else
    refused_ = true;
}

}  // namespace container
