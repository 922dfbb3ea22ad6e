// The first byte says how to cut the rest into reads; then everything a client can send is taken apart: packets, their
// headers, and the payload as arguments of every procedure the header may name.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "rpc/packet.hpp"
#include "rpc/protocol_visit.gen.hpp"

namespace {

template <typename T>
void decode_and_encode(std::string_view payload) {
  T value{};
  rpc::Decoder in(payload);
  try {
    value.decode(in);
  } catch (const base::Error&) {
    return;
  }
  rpc::Encoder out;
  value.encode(out);  // what was decoded is within its bounds, so this must not throw
  rpc::Decoder again(out.bytes());
  T copy{};
  copy.decode(again);
  rpc::Encoder second;
  copy.encode(second);
  if (second.bytes() != out.bytes() || again.remaining() != 0) std::abort();
}

void take_apart(const rpc::Packet& packet) {
  rpc::visit_procedures([&]<typename P>(P) {
    if (P::kNumber == packet.header.procedure) decode_and_encode<typename P::Args>(packet.payload);
  });
  if (packet.header.is(rpc::NetMessageType::StreamHole)) decode_and_encode<rpc::NetStreamHole>(packet.payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t read_size = data[0] == 0 ? rest.size() : data[0];
  rpc::PacketReader reader;
  rpc::Packet packet;
  try {
    while (!rest.empty()) {
      reader.feed(rest.substr(0, read_size));
      rest.remove_prefix(std::min(read_size, rest.size()));
      while (reader.next(packet)) take_apart(packet);
    }
  } catch (const base::Error& error) {
    if (error.code() != base::Code::Rpc) std::abort();
  }
  // The same bytes as bare arguments: far more of them get past the framing this way.
  if (size > 4) {
    packet.header.procedure = data[0] | (data[1] & 1) << 8;
    packet.payload = {reinterpret_cast<const char*>(data + 2), size - 2};
    take_apart(packet);
  }
  return 0;
}
