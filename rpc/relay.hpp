// One client's connection to another libvirt daemon. Calls go there under serials of its own, replies come back under
// the client's, stream packets and events pass, and nothing of them is decoded. It never reads faster than the client
// takes. Loop thread only; whoever owns it watches its descriptor.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "rpc/connection.hpp"
#include "rpc/out_queue.hpp"
#include "rpc/packet.hpp"
#include "rpc/procedure_table.hpp"
#include "rpc/relayed_events.hpp"

namespace rpc {

/// What a relay needs of the client it serves.
class RelayClient {
 public:
  /// A packet for the client.
  virtual void deliver(std::string packet) = 0;
  /// The reply of a relayed call.
  virtual void deliver_reply(const PacketHeader& call, NetMessageStatus status, std::string_view payload) = 0;
  /// The other daemon does not have this driver: the call's own handler answers it.
  virtual void answer_alone(const PacketHeader& call) = 0;
  /// False while the client has too much to read already.
  virtual bool has_room() const = 0;

 protected:
  ~RelayClient() = default;
};

class Relay {
 public:
  /// `socket` is connected and non-blocking. What `events` has is asked for again first.
  Relay(RelayClient& client, RelayedEvents& events, base::Fd socket, const std::string& uri,
        const PeerCredentials& subject, bool read_only);

  void forward(const PacketHeader& call, bool opens_stream, std::string_view payload);
  /// False when the packet belongs to no open stream of this relay.
  bool take_stream_packet(const Packet& packet);

  int fd() const { return socket_.get(); }
  /// The socket is readable or broken.
  void receive(std::vector<char>& buffer);
  /// Passes on what has come as far as the client has room, and writes what waits.
  void settle();
  /// The EPOLL bits to wait for, 0: none.
  std::uint32_t wanted_events() const;
  /// Too much waits for the other daemon: the client should not be read.
  bool congested() const;
  /// Packets have come that the client had no room for.
  bool holds_input() const { return held_; }
  /// The other daemon is gone or refused; every call and stream has been told.
  bool over() const { return over_; }

 private:
  struct Call {
    PacketHeader header;  // as the client sent it
    bool opens_stream = false;
    bool streaming = false;
    std::string arguments;  // of one that asks for events, or for no more of them
  };
  struct Step {
    std::int32_t procedure;
    std::string arguments;
    std::optional<std::int32_t> renews = {};  // the client's number of a registration
  };
  using Calls = std::map<std::uint32_t, Call>;

  void next_step();
  void send_call(const PacketHeader& header, std::string_view arguments);
  void send(std::string packet);
  void take_packets();
  void on_packet(const Packet& packet);
  void on_step_reply(const Packet& packet);
  void on_reply(const Packet& packet);
  void on_stream_packet(const Packet& packet);
  void end_stream(Calls::iterator call);
  void end(const base::Error& error);
  void end(std::string_view error_body);
  void end_without_driver();

  RelayClient& client_;
  RelayedEvents& events_;
  base::Fd socket_;
  PacketReader reader_;
  OutQueue out_;
  std::deque<Step> steps_;  // what comes before the first call: authentication, opening; the first one is under way
  std::uint32_t step_serial_ = 0;
  std::uint32_t next_serial_ = 0;
  std::vector<std::pair<PacketHeader, std::string>> waiting_;  // calls made before it was open
  Calls calls_;                                                // and open streams, by the serial used here
  std::map<std::uint32_t, std::uint32_t> streams_;             // the client's serial → the one used here
  bool ended_ = false;                                         // nothing more will come
  bool held_ = false;
  bool over_ = false;
};

}  // namespace rpc
