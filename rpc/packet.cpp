#include "rpc/packet.hpp"

#include <utility>

#include "base/error.hpp"

namespace rpc {
namespace {

constexpr std::size_t kKeepCapacity = 64 * 1024;

template <typename... Parts>
[[noreturn]] void broken(const Parts&... parts) {
  base::fail_from(base::From::Rpc, base::Code::Rpc, parts...);
}

bool carries_fds(const PacketHeader& header) {
  return header.is(NetMessageType::CallWithFds) || header.is(NetMessageType::ReplyWithFds);
}

PacketHeader decode_header(Decoder& in) {
  PacketHeader header;
  header.program = in.get_u32();
  header.version = in.get_u32();
  header.procedure = static_cast<std::int32_t>(in.get_u32());
  header.type = static_cast<std::int32_t>(in.get_u32());
  header.serial = in.get_u32();
  header.status = static_cast<std::int32_t>(in.get_u32());
  return header;
}

}  // namespace

PacketHeader PacketHeader::answer(NetMessageType new_type, NetMessageStatus new_status) const {
  PacketHeader header = *this;
  header.type = static_cast<std::int32_t>(new_type);
  header.status = static_cast<std::int32_t>(new_status);
  return header;
}

std::string format_packet(const PacketHeader& header, std::string_view payload, std::size_t fd_count,
                          std::size_t following) {
  const std::size_t count_bytes = carries_fds(header) ? 4 : 0;
  const std::size_t length = kPacketOverhead + count_bytes + payload.size();
  Encoder out;
  out.reserve(length);
  out.put_u32(static_cast<std::uint32_t>(length + following));
  out.put_u32(header.program);
  out.put_u32(header.version);
  out.put_u32(static_cast<std::uint32_t>(header.procedure));
  out.put_u32(static_cast<std::uint32_t>(header.type));
  out.put_u32(header.serial);
  out.put_u32(static_cast<std::uint32_t>(header.status));
  if (count_bytes != 0) out.put_u32(static_cast<std::uint32_t>(fd_count));
  std::string bytes = out.take();
  bytes.append(payload);
  return bytes;
}

void PacketReader::feed(std::string_view bytes, base::Fd fd) {
  if (start_ > 0) {
    discarded_ += start_;
    buffer_.erase(0, start_);
    start_ = 0;
    if (buffer_.empty() && buffer_.capacity() > kKeepCapacity) buffer_ = std::string();
  }
  buffer_.append(bytes);
  if (fd && !bytes.empty()) fds_.emplace_back(discarded_ + buffer_.size() - 1, std::move(fd));
}

bool PacketReader::next(Packet& packet, std::size_t most) {
  packet.whole.clear();
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (rest.size() < 4) return false;
  const std::size_t length = Decoder(rest).get_u32();
  if (length < kPacketOverhead || length > most) broken("packet length ", length, " is out of range");
  if (!fds_.empty() && fds_.front().first < discarded_ + start_ + std::min(length, rest.size()))
    broken("descriptor in the middle of a packet");
  if (rest.size() < length) {
    // Once, instead of by copies of what has come that get larger and larger. What is not written takes no memory.
    if (length > kKeepCapacity) buffer_.reserve(start_ + length);
    return false;
  }

  Decoder in(rest.substr(4, length - 4));
  packet.header = decode_header(in);
  std::size_t fd_count = 0;
  if (carries_fds(packet.header)) {
    fd_count = in.get_u32();
    if (fd_count > kMaxPacketFds) broken("packet with ", fd_count, " descriptors");
    if (rest.size() - length < fd_count) return false;
  }
  packet.payload = rest.substr(length - in.remaining(), in.remaining());
  take_fds(start_ + length, fd_count, packet);
  start_ += length + fd_count;
  if (start_ == buffer_.size() && buffer_.size() > kKeepCapacity) {
    // A large one is handed over rather than copied; its characters stay where they are.
    discarded_ += std::exchange(start_, 0);
    packet.whole = std::exchange(buffer_, {});
  }
  return true;
}

void PacketReader::take_fds(std::size_t first, std::size_t count, Packet& packet) {
  packet.fds.clear();
  for (std::size_t i = 0; i < count; ++i) {
    if (fds_.empty() || fds_.front().first != discarded_ + first + i) broken("descriptor byte without a descriptor");
    packet.fds.push_back(std::move(fds_.front().second));
    fds_.pop_front();
  }
}

}  // namespace rpc
