#include "rpc/codec.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace rpc {
namespace {

void check_bound(std::size_t size, std::size_t max, const char* what) {
  if (size > max) base::fail_from(base::From::Rpc, base::Code::Rpc, what, " of ", size, " exceeds the limit of ", max);
}

char get_char(Decoder& in) {
  std::int8_t value = 0;
  get_small(in, value);
  return static_cast<char>(value);
}

}  // namespace

void put_bounded(Encoder& out, std::string_view bytes, std::size_t max) {
  check_bound(bytes.size(), max, "byte array");
  out.put_opaque(bytes);
}

void put_string(Encoder& out, std::string_view text, std::size_t max) {
  check_bound(text.size(), max, "string");
  out.put_opaque(text.substr(0, text.find('\0')));
}

void put_count(Encoder& out, std::size_t count, std::size_t max) {
  check_bound(count, max, "array");
  out.put_u32(static_cast<std::uint32_t>(count));
}

void put_chars(Encoder& out, std::string_view text, std::size_t max) {
  put_count(out, text.size(), max);
  for (const char c : text) put_small(out, static_cast<std::int8_t>(c));
}

void put_chars_fixed(Encoder& out, std::string_view text, std::size_t size) {
  check_bound(text.size(), size, "character array");
  for (const char c : text) put_small(out, static_cast<std::int8_t>(c));
  for (std::size_t i = text.size(); i < size; ++i) out.put_u32(0);
}

// A string with a NUL inside would mean one thing to us and another to every C library below.
void get_string(Decoder& in, std::string& text, std::size_t max) {
  text = in.get_opaque(max);
  if (text.find('\0') != std::string::npos)
    base::fail_from(base::From::Rpc, base::Code::Rpc, "string contains a NUL byte");
}

bool get_presence(Decoder& in) {
  const std::uint32_t flag = in.get_u32();
  if (flag > 1) base::fail_from(base::From::Rpc, base::Code::Rpc, "optional value marked ", flag, " instead of 0 or 1");
  return flag == 1;
}

void get_chars(Decoder& in, std::string& text, std::size_t max) {
  text.resize(in.get_count(max, 4));
  for (char& c : text) c = get_char(in);
}

void get_chars_fixed(Decoder& in, std::string& text, std::size_t size) {
  text.resize(size);
  for (char& c : text) c = get_char(in);
  text.resize(std::min(text.find('\0'), text.size()));
}

std::int32_t get_one_of(Decoder& in, std::initializer_list<std::int32_t> allowed) {
  const auto value = static_cast<std::int32_t>(in.get_u32());
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    base::fail_from(base::From::Rpc, base::Code::Rpc, "value ", value, " is not one of its enumeration");
  return value;
}

void refuse_small() {
  base::fail_from(base::From::Rpc, base::Code::Rpc, "value does not fit its small integer type");
}

void refuse_selector() {
  base::fail_from(base::From::Rpc, base::Code::Rpc, "union with an unknown selector");
}

}  // namespace rpc
