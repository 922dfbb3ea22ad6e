// Packets of the wire: length word, header, payload, and the descriptors that follow. The reader takes bytes as they
// come, never allocates for bytes that were only announced, and throws base::Error(Rpc) when the connection cannot go
// on.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "rpc/protocol.hpp"

namespace rpc {

inline constexpr std::size_t kPacketOverhead = 28;  // length word and header
inline constexpr std::size_t kMaxPacketBytes = 33554436;
inline constexpr std::size_t kMaxPayloadBytes = kMaxPacketBytes - kPacketOverhead;
inline constexpr std::size_t kMaxPacketFds = 32;
inline constexpr std::uint32_t kProtocolVersion = 1;  // the same for every program

/// Type and status stay numbers, because a peer may send values that mean nothing.
struct PacketHeader {
  std::uint32_t program = 0;
  std::uint32_t version = kProtocolVersion;
  std::int32_t procedure = 0;
  std::int32_t type = 0;
  std::uint32_t serial = 0;
  std::int32_t status = 0;
  bool operator==(const PacketHeader&) const = default;

  bool is(NetMessageType wanted) const { return type == static_cast<std::int32_t>(wanted); }
  bool is(NetMessageStatus wanted) const { return status == static_cast<std::int32_t>(wanted); }
  /// The same with another type and status: what answers carry.
  PacketHeader answer(NetMessageType new_type, NetMessageStatus new_status) const;
};

struct Packet {
  PacketHeader header;
  std::string_view payload;  // after the descriptor count; valid until the reader is used again
  std::vector<base::Fd> fds;
  std::string whole;  // a large packet's bytes, which the payload is in; empty: they are the reader's
};

/// The bytes of a packet. `fd_count` is put in front of the payload for the types that carry descriptors. `following`:
/// of how many bytes the rest of the payload is, which the caller sends after these.
std::string format_packet(const PacketHeader& header, std::string_view payload, std::size_t fd_count = 0,
                          std::size_t following = 0);

class PacketReader {
 public:
  /// What one recvmsg(2) returned; `fd` came with the last of these bytes (unix(7): a read ends after the descriptor's
  /// byte).
  void feed(std::string_view bytes, base::Fd fd = {});
  /// Takes the next complete packet with its descriptors; false when more bytes are needed. Throws at the length word
  /// of one that is larger than `most` bytes.
  bool next(Packet& packet, std::size_t most = kMaxPacketBytes);
  std::size_t buffered() const { return buffer_.size() - start_; }

 private:
  void take_fds(std::size_t first, std::size_t count, Packet& packet);

  std::string buffer_;
  std::size_t start_ = 0;                               // in buffer_: where the next packet begins
  std::uint64_t discarded_ = 0;                         // bytes of the connection before buffer_
  std::deque<std::pair<std::uint64_t, base::Fd>> fds_;  // by position in the connection's bytes
};

}  // namespace rpc
