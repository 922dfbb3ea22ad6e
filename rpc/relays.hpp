// The relays of one client: made when first needed, watched, and dropped when over; made again by itself when the
// client waits for events of a daemon that has gone. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/event_loop.hpp"
#include "rpc/relay.hpp"
#include "rpc/relay_route.hpp"

namespace rpc {

class Relays {
 public:
  using InTurn = std::function<void(const std::function<void()>&)>;
  /// `in_turn` runs what a socket brought; settle() and update_watches() follow.
  Relays(base::EventLoop& loop, std::vector<char>& read_buffer, RelayClient& client, InTurn in_turn)
      : loop_(loop), read_buffer_(read_buffer), client_(client), in_turn_(std::move(in_turn)) {}

  /// False when nobody is there to take the call. Throws when somebody is and cannot be reached.
  bool forward(const RelayRoute& route, const Connection& client, const PacketHeader& call, bool opens_stream,
               std::string_view payload);
  bool take_stream_packet(const Packet& packet);
  void settle();
  void update_watches();
  bool congested() const;
  /// Something waits for the client to have room.
  bool hold_input() const;
  void clear();

 private:
  struct Upstream {
    std::unique_ptr<Relay> relay;
    base::Watch watch;  // ends before the descriptor it watches
    std::uint32_t watched_events = 0;
  };
  using Upstreams = std::map<const RelayRoute*, Upstream>;
  /// The end when nobody is there.
  Upstreams::iterator open(const RelayRoute& route);
  bool lacks_events() const;
  void reopen();
  void update_watch(Upstream& upstream);

  base::EventLoop& loop_;
  std::vector<char>& read_buffer_;
  RelayClient& client_;
  InTurn in_turn_;
  const Connection* owner_ = nullptr;
  std::map<const RelayRoute*, RelayedEvents> events_;  // outlive the relays, which use them
  Upstreams relays_;
  base::Watch retry_;
};

}  // namespace rpc
