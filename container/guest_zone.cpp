// Time zones of a container, whose file is not the host's: what time it is there now.
#include <algorithm>
#include <charconv>

#include "container/guest_text.hpp"

namespace container {
namespace {

constexpr std::int64_t kDay = 86400;

/// Days since the epoch of a date of the Gregorian calendar; month 1 to 12.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto of_era = static_cast<unsigned>(year - era * 400);
  const unsigned of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
  return era * 146097 + static_cast<std::int64_t>(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}

std::int64_t year_of(std::int64_t seconds) {
  const std::int64_t day = seconds / kDay - (seconds % kDay < 0 ? 1 : 0);
  std::int64_t year = 1970 + day / 366;  // not after it
  while (days_from_civil(year + 1, 1, 1) <= day) ++year;
  while (days_from_civil(year, 1, 1) > day) --year;
  return year;
}

bool is_leap(std::int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/// Reads a TZ rule from left to right; `ok` is false once anything is not as it should be.
struct RuleText {
  std::string_view text;
  bool ok = true;

  bool next_is(char c) const { return !text.empty() && text[0] == c; }
  bool skip(char c) {
    if (!next_is(c)) return false;
    text.remove_prefix(1);
    return true;
  }
  std::string name() {
    std::string value;
    const bool quoted = skip('<');
    const auto part = [&](char c) {
      const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      return letter || (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
    };
    while (!text.empty() && part(text[0])) {
      value += text[0];
      text.remove_prefix(1);
    }
    if (value.size() < 3 || value.size() > 32 || (quoted && !skip('>'))) ok = false;
    return value;
  }
  unsigned number(unsigned most) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value > most) {
      ok = false;
      return 0;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
  }
  /// [+-]hh[:mm[:ss]] in seconds.
  std::int32_t time() {
    const bool negative = skip('-');
    if (!negative) skip('+');
    auto seconds = static_cast<std::int32_t>(number(167) * 3600);
    if (skip(':')) seconds += static_cast<std::int32_t>(number(59) * 60);
    if (skip(':')) seconds += static_cast<std::int32_t>(number(59));
    return negative ? -seconds : seconds;
  }
};

struct ChangeDay {
  enum class Kind { Julian, ZeroBased, Weekday } kind = Kind::Weekday;
  unsigned day = 0, week = 1, month = 1;
  std::int32_t time = 7200;  // after midnight, on the clock that is being changed

  /// Seconds since the epoch, on that clock.
  std::int64_t in(std::int64_t year) const {
    const std::int64_t first = days_from_civil(year, 1, 1);
    std::int64_t at = 0;
    switch (kind) {
      case Kind::Julian:  // 1 to 365, a leap day is not counted
        at = first + day - 1 + (is_leap(year) && day >= 60 ? 1 : 0);
        break;
      case Kind::ZeroBased:
        at = first + day;
        break;
      case Kind::Weekday: {
        const std::int64_t month_start = days_from_civil(year, month, 1);
        const std::int64_t month_end =
            month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, month + 1, 1);
        const std::int64_t weekday = ((month_start + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
        at = month_start + (day + 7 - weekday) % 7 + (week - 1) * 7;
        while (at >= month_end) at -= 7;  // week 5 is the last
        break;
      }
    }
    return at * kDay + time;
  }
};

ChangeDay change_day(RuleText& rule) {
  ChangeDay change;
  if (rule.skip('M')) {
    change.month = rule.number(12);
    if (!rule.skip('.')) rule.ok = false;
    change.week = rule.number(5);
    if (!rule.skip('.')) rule.ok = false;
    change.day = rule.number(6);
    if (change.month == 0 || change.week == 0) rule.ok = false;
  } else if (rule.skip('J')) {
    change.kind = ChangeDay::Kind::Julian;
    change.day = rule.number(365);
    if (change.day == 0) rule.ok = false;
  } else {
    change.kind = ChangeDay::Kind::ZeroBased;
    change.day = rule.number(365);
  }
  if (rule.skip('/')) change.time = rule.time();
  return change;
}

/// Big-endian numbers of a zone file.
struct ZoneBytes {
  std::string_view bytes;

  std::int64_t number_at(std::size_t at, std::size_t size) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return size == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(value)) : static_cast<std::int64_t>(value);
  }
};

struct ZoneHeader {
  std::size_t ut, standard, leaps, times, types, names;
  std::size_t body(std::size_t time_size) const {
    return times * (time_size + 1) + types * 6 + names + leaps * (time_size + 4) + standard + ut;
  }
};
constexpr std::size_t kHeaderBytes = 44;
constexpr std::size_t kMost = 65536;  // of anything in a zone file

std::optional<ZoneHeader> header_at(const ZoneBytes& file, std::size_t at) {
  if (file.bytes.size() < at + kHeaderBytes || file.bytes.substr(at, 4) != "TZif") return std::nullopt;
  std::size_t counts[6];
  for (std::size_t i = 0; i < 6; ++i) {
    const auto count = file.number_at(at + 20 + i * 4, 4);
    if (count < 0 || count > static_cast<std::int64_t>(kMost)) return std::nullopt;
    counts[i] = static_cast<std::size_t>(count);
  }
  return ZoneHeader{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
}

}  // namespace

std::optional<ZoneMoment> parse_zone_rule(std::string_view text, std::int64_t now) {
  RuleText rule{text};
  ZoneMoment standard, summer;
  standard.name = rule.name();
  standard.offset = -rule.time();  // POSIX counts west of Greenwich
  if (!rule.ok) return std::nullopt;
  if (rule.text.empty()) return standard;
  summer.name = rule.name();
  summer.offset = standard.offset + 3600;
  if (rule.ok && !rule.next_is(',')) summer.offset = -rule.time();
  if (!rule.skip(',')) return std::nullopt;
  const ChangeDay begins = change_day(rule);
  if (!rule.skip(',')) return std::nullopt;
  const ChangeDay ends = change_day(rule);
  if (!rule.ok || !rule.text.empty()) return std::nullopt;
  const std::int64_t year = year_of(now + standard.offset);
  const std::int64_t begin = begins.in(year)-standard.offset;
  const std::int64_t end = ends.in(year)-summer.offset;
  const bool is_summer = begin < end ? now >= begin && now < end : now >= begin || now < end;
  return is_summer ? summer : standard;
}

std::optional<ZoneMoment> parse_zone(std::string_view bytes, std::int64_t now) {
  const ZoneBytes file{bytes};
  auto header = header_at(file, 0);
  if (!header) return std::nullopt;
  std::size_t at = kHeaderBytes, time_size = 4;
  if (bytes[4] != '\0') {  // from version 2 on the same comes once more, with 64 bits
    at += header->body(4);
    header = header_at(file, at);
    if (!header) return std::nullopt;
    at += kHeaderBytes;
    time_size = 8;
  }
  if (header->types == 0 || bytes.size() < at + header->body(time_size)) return std::nullopt;
  std::size_t passed = 0;
  while (passed < header->times && file.number_at(at + passed * time_size, time_size) <= now) ++passed;
  if (passed == header->times && time_size == 8) {
    std::string_view rule = bytes.substr(at + header->body(8));
    if (rule.starts_with('\n')) rule.remove_prefix(1);
    rule = rule.substr(0, rule.find('\n'));
    if (!rule.empty())
      if (auto moment = parse_zone_rule(rule, now)) return moment;
  }
  const std::size_t types = at + header->times * (time_size + 1);
  const std::size_t names = types + header->types * 6;
  const std::size_t type =
      passed == 0 ? 0 : static_cast<unsigned char>(bytes[at + header->times * time_size + passed - 1]);
  if (type >= header->types) return std::nullopt;
  const auto name = static_cast<unsigned char>(bytes[types + type * 6 + 5]);
  if (name >= header->names) return std::nullopt;
  const std::string_view rest = bytes.substr(names + name, header->names - name);
  return ZoneMoment{std::string(rest.substr(0, rest.find('\0'))),
                    static_cast<std::int32_t>(file.number_at(types + type * 6, 4))};
}

}  // namespace container
