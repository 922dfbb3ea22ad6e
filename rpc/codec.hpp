// What the generated encode() and decode() are made of: the XDR shapes that need a bound checked. For generated code
// only.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>

#include "rpc/xdr.hpp"

namespace rpc {

void put_string(Encoder& out, std::string_view text, std::size_t max);
void put_bounded(Encoder& out, std::string_view bytes, std::size_t max);
void put_count(Encoder& out, std::size_t count, std::size_t max);
/// Arrays of `char`, which take four bytes each on the wire.
void put_chars(Encoder& out, std::string_view text, std::size_t max);
/// The same without a count, filled with NUL.
void put_chars_fixed(Encoder& out, std::string_view text, std::size_t size);

void get_string(Decoder& in, std::string& text, std::size_t max);
bool get_presence(Decoder& in);
void get_chars(Decoder& in, std::string& text, std::size_t max);
void get_chars_fixed(Decoder& in, std::string& text, std::size_t size);
std::int32_t get_one_of(Decoder& in, std::initializer_list<std::int32_t> allowed);
[[noreturn]] void refuse_small();
[[noreturn]] void refuse_selector();

template <typename Small>
void put_small(Encoder& out, Small value) {
  out.put_u32(static_cast<std::uint32_t>(static_cast<std::int32_t>(value)));
}

template <typename Small>
void get_small(Decoder& in, Small& value) {
  const auto wide = static_cast<std::int32_t>(in.get_u32());
  if (wide < std::numeric_limits<Small>::min() || wide > std::numeric_limits<Small>::max()) refuse_small();
  value = static_cast<Small>(wide);
}

template <std::size_t Size>
void put_bytes(Encoder& out, const std::array<std::uint8_t, Size>& bytes) {
  out.put_opaque_fixed({reinterpret_cast<const char*>(bytes.data()), Size});
}

template <std::size_t Size>
void get_bytes(Decoder& in, std::array<std::uint8_t, Size>& bytes) {
  const std::string_view raw = in.get_opaque_fixed(Size);
  for (std::size_t i = 0; i < Size; ++i) bytes[i] = static_cast<std::uint8_t>(raw[i]);
}

}  // namespace rpc
