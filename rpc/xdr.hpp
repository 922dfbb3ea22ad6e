// Bounded XDR (RFC 4506) in both directions. A Decoder never reads past its input and never allocates more than the
// input could hold; any violation throws base::Error(Rpc, From::Rpc).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace rpc {

class Encoder {
 public:
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  void put_u32(std::uint32_t value) { put_number(value); }
  void put_u64(std::uint64_t value) { put_number(value); }
  void put_double(double value);
  void put_opaque_fixed(std::string_view bytes);  // padded, no length
  void put_opaque(std::string_view bytes);        // length, bytes, padding
  /// As one, what `pieces` are one after the other.
  void put_opaque(std::initializer_list<std::string_view> pieces);
  /// Writes over the u32 that was put when there were `at` bytes.
  void set_u32(std::size_t at, std::uint32_t value);
  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  template <typename Number>
  void put_number(Number value) {
    char raw[sizeof value];
    for (std::size_t i = 0; i < sizeof value; ++i) raw[i] = static_cast<char>(value >> (8 * (sizeof value - 1 - i)));
    bytes_.append(raw, sizeof raw);
  }

  std::string bytes_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  std::uint32_t get_u32();
  std::uint64_t get_u64();
  double get_double();
  std::string_view get_opaque_fixed(std::size_t size);
  std::string_view get_opaque(std::size_t max);
  /// An array count, refused when above `max` or when `min_element_bytes` each would not fit in what is left.
  std::size_t get_count(std::size_t max, std::size_t min_element_bytes);
  std::size_t remaining() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

}  // namespace rpc
