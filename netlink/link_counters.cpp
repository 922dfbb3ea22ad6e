#include "netlink/link_counters.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "netlink/message.hpp"

namespace netlink {
namespace {

// Columns of proc(5): bytes packets errs drop fifo frame compressed multicast, then the same for sending.
constexpr std::size_t kColumns = 16;

/// False if the line has fewer numbers, as the two lines of headings.
bool parse_columns(std::string_view line, std::array<std::uint64_t, kColumns>& columns) {
  for (auto& column : columns) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto result = std::from_chars(line.data(), line.data() + line.size(), column);
    if (result.ec != std::errc{}) return false;
    line.remove_prefix(static_cast<std::size_t>(result.ptr - line.data()));
  }
  return true;
}

}  // namespace

std::map<std::string, LinkCounters, std::less<>> parse_link_counters(std::string_view text) {
  std::map<std::string, LinkCounters, std::less<>> links;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto colon = line.find(':');
    const auto start = line.find_first_not_of(' ');
    std::array<std::uint64_t, kColumns> columns{};
    if (colon == line.npos || !parse_columns(line.substr(colon + 1), columns)) continue;
    const auto& [rx_bytes, rx_packets, rx_errors, rx_dropped, f1, f2, f3, f4, tx_bytes, tx_packets, tx_errors,
                 tx_dropped, t1, t2, t3, t4] = columns;
    links.emplace(line.substr(start, colon - start), LinkCounters{rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes,
                                                                  tx_packets, tx_errors, tx_dropped});
  }
  return links;
}

std::map<std::string, LinkCounters, std::less<>> read_link_counters() {
  return parse_link_counters(base::read_file("/proc/thread-self/net/dev"));
}

std::optional<LinkCounters> read_link_counters(const std::string& name) {
  constexpr std::pair<const char*, std::uint64_t LinkCounters::*> kFiles[] = {
      {"rx_bytes", &LinkCounters::rx_bytes},   {"rx_packets", &LinkCounters::rx_packets},
      {"rx_errors", &LinkCounters::rx_errors}, {"rx_dropped", &LinkCounters::rx_dropped},
      {"tx_bytes", &LinkCounters::tx_bytes},   {"tx_packets", &LinkCounters::tx_packets},
      {"tx_errors", &LinkCounters::tx_errors}, {"tx_dropped", &LinkCounters::tx_dropped}};
  if (!valid_link_name(name)) return std::nullopt;
  LinkCounters counters;
  for (const auto& [file, member] : kFiles) {
    try {
      const std::string text = base::read_file("/sys/class/net/" + name + "/statistics/" + file);
      std::from_chars(text.data(), text.data() + text.size(), counters.*member);
    } catch (const base::Error& error) {  // EINVAL: it is on its way out
      if (error.system_errno() == ENOENT || error.system_errno() == EINVAL) return std::nullopt;
      throw;
    }
  }
  return counters;
}

}  // namespace netlink
