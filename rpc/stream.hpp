// One data stream of a client: credit, finish, abort. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace rpc {

/// The wire side, as the local end sees it. Owned by the connection; the local end must not use it after closed().
class Stream {
 public:
  virtual ~Stream() = default;
  /// True when a packet may be queued (at most one data packet per stream waits for the socket).
  virtual bool can_send() const = 0;
  /// At most kStreamChunk bytes, and only while can_send().
  virtual void send(std::string_view bytes) = 0;
  /// The empty CONTINUE packet: the client reads end of file. Once.
  virtual void send_eof() = 0;
  /// STREAM/ERROR with the error; the stream is gone afterwards and the peer destroyed soon, without on_abort().
  virtual void fail(const base::Error& error) = 0;
  /// on_data() that consumed less than offered counts as pause_input(true).
  /// Stops / resumes taking data packets of this stream; the unconsumed ones hold request slots.
  virtual void pause_input(bool paused) = 0;

  static constexpr std::size_t kStreamChunk = 262120;
};

/// The local end (console, volume, ...), implemented by the driver.
class StreamPeer {
 public:
  virtual ~StreamPeer() = default;
  /// First call, right after the opening reply was queued.
  virtual void opened(Stream& stream) = 0;
  /// Bytes from the client. Returns how many were consumed; the rest is offered again after pause_input(false).
  virtual std::size_t on_data(std::string_view bytes) = 0;
  /// The socket took the queued packet: can_send() is true again. Once per send(), never from inside it.
  virtual void on_can_send() = 0;
  /// The client is done writing and asks for confirmation; return to confirm, throw to answer with an error.
  virtual void on_finish() = 0;
  /// The client skips `length` bytes (sparse upload). Throw to answer with an error, as this default does.
  virtual void on_hole(std::int64_t length) {
    base::fail_from(base::From::Streams, base::Code::OperationUnsupported, "no hole of ", length,
                    " bytes in this stream");
  }
  /// The client aborted, or the connection is gone. The peer is destroyed right after.
  virtual void on_abort() = 0;
};

}  // namespace rpc
