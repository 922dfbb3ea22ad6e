// Pieces of the kernel's texts, for the supervisor: without allocation, and without what would throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace container {

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

inline std::string_view part(std::string_view text, std::size_t from, std::size_t size) {
  return {text.data() + from, size};  // substr() would want the library's exceptions
}
inline bool begins_with(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && part(text, 0, start.size()) == start;
}

/// The first line of `text`, its end included, taken from it.
inline std::string_view take_line(std::string_view& text) {
  const void* end = text.empty() ? nullptr : std::memchr(text.data(), '\n', text.size());
  const std::size_t size =
      end == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 1;
  const std::string_view line = part(text, 0, size);
  text.remove_prefix(size);
  return line;
}

/// The number at the start of `text`, after blanks; `end` is where it ends. Too large is kNoLimit, none is false.
inline bool take_number(std::string_view text, std::uint64_t& number, std::size_t& end) {
  std::size_t at = 0;
  while (at < text.size() && is_blank(text[at])) at++;
  if (at == text.size() || !is_digit(text[at])) return false;
  number = 0;
  for (; at < text.size() && is_digit(text[at]); at++) {
    const auto digit = static_cast<std::uint64_t>(text[at] - '0');
    number = number > (kNoLimit - digit) / 10 ? kNoLimit : number * 10 + digit;
  }
  end = at;
  return true;
}
/// The same, taken from `text`.
inline bool cut_number(std::string_view& text, std::uint64_t& number) {
  std::size_t end = 0;
  if (!take_number(text, number, end)) return false;
  text.remove_prefix(end);
  return true;
}

inline std::uint64_t minus(std::uint64_t from, std::uint64_t what) {
  return from > what ? from - what : 0;
}
inline std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return a > kNoLimit - b ? kNoLimit : a + b;
}

}  // namespace container
