// One open stream of a client: what it sent and the peer has not consumed, what the peer sent and the socket has not
// taken. Loop thread only. Never runs a peer's callback from inside a call the peer made.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "rpc/out_queue.hpp"
#include "rpc/packet.hpp"
#include "rpc/stream.hpp"

namespace rpc {

/// What a stream needs of its connection.
class StreamOwner {
 public:
  virtual void queue(OutQueue::Item item) = 0;
  /// Lets the stream deliver() soon.
  virtual void wake() = 0;
  virtual void take_slot() = 0;
  virtual void release_slots(std::size_t count) = 0;
  /// The stream is over: forget it, destroy it when no callback of it can be running.
  virtual void retire(std::uint32_t serial) = 0;

 protected:
  ~StreamOwner() = default;
};

class ClientStream final : public Stream, public std::enable_shared_from_this<ClientStream> {
 public:
  /// `call` opened it: every packet of the stream carries its program, procedure and serial.
  ClientStream(StreamOwner& owner, const PacketHeader& call, std::unique_ptr<StreamPeer> peer)
      : owner_(owner), call_(call), peer_(std::move(peer)) {}

  bool can_send() const override { return alive_ && !eof_sent_ && !packet_queued_; }
  void send(std::string_view bytes) override;
  void send_eof() override;
  void fail(const base::Error& error) override;
  void pause_input(bool paused) override;

  void open();
  bool belongs_to(const PacketHeader& header) const;
  void on_packet(const Packet& packet);
  /// Offers the peer what it has not consumed yet.
  void deliver();
  void on_written();
  /// The connection is gone.
  void abandon();

 private:
  struct Input {
    enum class Kind { Data, Hole, Finish } kind;
    std::string bytes;
    std::size_t consumed = 0;
    std::int64_t hole = 0;
  };

  void accept(Input input);
  void accept_hole(std::string_view payload);
  void abort(bool confirmed);
  void consume(Input& input);
  void drop_first();
  void finish();
  void queue(NetMessageStatus status, std::string_view payload, bool tell_when_written = false);
  void retire();
  template <typename Callback>
  void guarded(Callback&& callback);

  StreamOwner& owner_;
  PacketHeader call_;
  std::unique_ptr<StreamPeer> peer_;
  std::deque<Input> input_;
  bool alive_ = true;
  bool paused_ = false;
  bool eof_sent_ = false;
  bool packet_queued_ = false;
};

}  // namespace rpc
