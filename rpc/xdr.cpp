#include "rpc/xdr.hpp"

#include <bit>

#include "base/error.hpp"

namespace rpc {
namespace {

constexpr std::size_t padding(std::size_t size) {
  return (4 - size % 4) % 4;
}

[[noreturn]] void refuse_short() {
  base::fail_from(base::From::Rpc, base::Code::Rpc, "message ends in the middle of a value");
}

}  // namespace

void Encoder::put_double(double value) {
  put_u64(std::bit_cast<std::uint64_t>(value));
}

void Encoder::put_opaque_fixed(std::string_view bytes) {
  bytes_.append(bytes);
  bytes_.append(padding(bytes.size()), '\0');
}

void Encoder::put_opaque(std::string_view bytes) {
  put_u32(static_cast<std::uint32_t>(bytes.size()));
  put_opaque_fixed(bytes);
}

void Encoder::put_opaque(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  put_u32(static_cast<std::uint32_t>(size));
  for (const auto& piece : pieces) bytes_.append(piece);
  bytes_.append(padding(size), '\0');
}

void Encoder::set_u32(std::size_t at, std::uint32_t value) {
  Encoder number;
  number.put_u32(value);
  bytes_.replace(at, number.bytes_.size(), number.bytes_);
}

std::uint32_t Decoder::get_u32() {
  if (rest_.size() < 4) refuse_short();
  const auto byte = [this](std::size_t at) { return static_cast<std::uint32_t>(static_cast<std::uint8_t>(rest_[at])); };
  const std::uint32_t value = byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
  rest_.remove_prefix(4);
  return value;
}

std::uint64_t Decoder::get_u64() {
  const std::uint64_t high = get_u32();
  return high << 32 | get_u32();
}

double Decoder::get_double() {
  return std::bit_cast<double>(get_u64());
}

std::string_view Decoder::get_opaque_fixed(std::size_t size) {
  if (rest_.size() < size || rest_.size() - size < padding(size)) refuse_short();
  const std::string_view bytes = rest_.substr(0, size);
  rest_.remove_prefix(size + padding(size));
  return bytes;
}

std::string_view Decoder::get_opaque(std::size_t max) {
  const std::size_t size = get_u32();
  if (size > max) base::fail_from(base::From::Rpc, base::Code::Rpc, "length ", size, " exceeds the limit of ", max);
  return get_opaque_fixed(size);
}

std::size_t Decoder::get_count(std::size_t max, std::size_t min_element_bytes) {
  const std::size_t count = get_u32();
  if (count > max) base::fail_from(base::From::Rpc, base::Code::Rpc, "array of ", count, " exceeds the limit of ", max);
  if (min_element_bytes != 0 && count > rest_.size() / min_element_bytes) refuse_short();
  return count;
}

}  // namespace rpc
