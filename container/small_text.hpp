// Text put together in a fixed buffer; what does not fit is cut off. For the supervisor, which does not allocate.
#pragma once

#include <cstddef>
#include <cstring>

namespace container {

template <std::size_t Size>
class SmallText {
 public:
  SmallText& operator<<(const char* text) {
    while (*text != 0 && used_ + 1 < Size) buffer_[used_++] = *text++;
    buffer_[used_] = 0;
    return *this;
  }
  SmallText& operator<<(long long number) {
    char digits[24];
    char* at = digits + sizeof digits - 1;
    *at = 0;
    const bool negative = number < 0;
    unsigned long long rest =
        negative ? 0ULL - static_cast<unsigned long long>(number) : static_cast<unsigned long long>(number);
    do {
      *--at = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) *--at = '-';
    return *this << at;
  }
  SmallText& operator<<(int number) { return *this << static_cast<long long>(number); }
  const char* c_str() const { return buffer_; }
  std::size_t size() const { return used_; }

 private:
  char buffer_[Size] = {};
  std::size_t used_ = 0;
};

}  // namespace container
