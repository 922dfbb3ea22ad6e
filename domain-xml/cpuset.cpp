#include "domain-xml/cpuset.hpp"

#include <bitset>
#include <charconv>

#include "base/error.hpp"

namespace domain_xml {

namespace {

constexpr unsigned kMaxBits = 16384;
using Bits = std::bitset<kMaxBits>;

[[noreturn]] void fail_list(std::string_view text) {
  base::fail_from(base::From::None, base::Code::InvalidArg, "'", text, "' is no list of processors");
}

class ListReader {
 public:
  explicit ListReader(std::string_view text) : whole_(text), rest_(text) {}

  Bits read() {
    do {
      skip_blanks();
      const bool exclude = take('^');
      const unsigned first = number();
      unsigned last = first;
      skip_blanks();
      if (!exclude && take('-')) {
        skip_blanks();
        last = number();
        skip_blanks();
      }
      if (last < first) fail_list(whole_);
      for (unsigned bit = first; bit <= last; ++bit) bits_.set(bit, !exclude);
    } while (take(',') && !at_end());
    if (!rest_.empty()) fail_list(whole_);
    if (bits_.none())
      base::fail_from(base::From::Domain, base::Code::ConfigUnsupported, "'", whole_, "' leaves no processor");
    return bits_;
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  unsigned number() {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value >= kMaxBits) fail_list(whole_);
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::string_view whole_, rest_;
  Bits bits_;
};

}  // namespace

std::string canonical_cpuset(std::string_view text) {
  const Bits bits = ListReader(text).read();
  if (bits.all()) return {};
  std::string list;
  for (unsigned first = 0; first < kMaxBits; ++first) {
    if (!bits[first]) continue;
    unsigned last = first;
    while (last + 1 < kMaxBits && bits[last + 1]) ++last;
    list += (list.empty() ? "" : ",") + std::to_string(first);
    if (last > first) list += "-" + std::to_string(last);
    first = last;
  }
  return list;
}

std::vector<unsigned> cpuset_members(std::string_view text) {
  const Bits bits = ListReader(text).read();
  std::vector<unsigned> members;
  for (unsigned bit = 0; bit < kMaxBits; ++bit)
    if (bits[bit]) members.push_back(bit);
  return members;
}

}  // namespace domain_xml
