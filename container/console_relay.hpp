// One console: the container's pty on one side; the host pty, the viewers and the scrollback on the other. Nothing that
// happens on either side blocks the supervisor, and nobody's failure to read blocks the container for longer than a
// second.
//
// Output is read only while every viewer that keeps up still has its unread bytes in the ring: that is the flow
// control. Input goes straight through; what the container does not take is kept, and no more is read until it did.
#pragma once

#include <cstdint>

#include "container/scrollback.hpp"

namespace container {

constexpr int kMaxViewers = 4;
constexpr std::int64_t kStallMilliseconds = 1000;
/// After which what the kernel had no memory for is tried again.
constexpr std::int64_t kRetryMilliseconds = 100;

std::int64_t now_milliseconds();

class Console {
 public:
  /// Makes the host pty. `tag` marks this console's events: (tag + slot) comes back in epoll data.
  void open_host_side(int epoll, std::uint32_t tag);
  /// Everything that comes out is added to a file of the host's, which is made empty first unless `append`.
  void log_to(const char* file, bool append);
  const char* host_path() const { return host_path_; }
  /// The container's pty, as the child made it.
  void attach(int master, int slave);
  void start();

  /// Takes `fd` over; false (and closed) when there are too many.
  bool add_viewer(int fd);
  void on_event(std::uint32_t slot, std::uint32_t events);

  /// No more output can come: takes what is left, then viewers that have it all are closed.
  void finish();
  /// After finish(): everything was taken and every viewer has had it.
  bool finished() const;
  /// Ends the wait for viewers that do not drain their socket; what they missed stays for the next one.
  void drop_viewers();

  /// Milliseconds until tick() has something to do, -1 if never.
  int timeout() const;
  void tick();

 private:
  static constexpr std::uint32_t kContainerSlot = 0, kHostSlot = 1, kViewerSlot = 2;
  static constexpr std::size_t kInputSize = 4096;

  struct Viewer {
    int fd = -1;
    std::uint32_t interest = 0;
    std::uint64_t position = 0;
    std::int64_t progress_ms = 0;  // when it last took something, or fell behind
    bool lossy = false;            // stalled for too long: waited for no more
  };
  struct Source {
    int fd = -1;
    std::uint32_t interest = 0;
  };

  std::size_t room() const;
  bool read_output();
  void write_log(const char* bytes, std::size_t size) const;
  void follow_size();
  void send_to(Viewer& viewer);
  void send_to_all();
  void remove(Viewer& viewer);
  void read_host();
  void read_viewer(Viewer& viewer);
  void flush_input();
  void reopen(Source& master, int& slave);
  void update_interest();
  void set_interest(int fd, std::uint32_t& current, std::uint32_t wanted, std::uint32_t slot);

  int epoll_ = -1;
  std::uint32_t tag_ = 0;
  Source container_, host_;
  int log_ = -1;
  std::uint16_t rows_ = 0, columns_ = 0;        // as somebody at the host pty has set them
  int container_slave_ = -1, host_slave_ = -1;  // held open so that nobody's close hangs the pty up
  bool started_ = false, finishing_ = false, drained_ = false;
  bool refused_ = false;        // some interest could not be set
  bool input_refused_ = false;  // the terminal could not take its input, and not for want of room
  std::uint64_t taken_ = 0;     // up to where some viewer has had the output
  Viewer viewers_[kMaxViewers];
  std::size_t input_size_ = 0;
  char input_[kInputSize];
  char host_path_[32] = {};
  Scrollback output_;
};

}  // namespace container
