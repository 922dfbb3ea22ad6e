// What a container's own files say of it: os-release, utmp, the time zone, shadow. Pure, and the texts may be hostile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace container {

/// NAME=value lines of os-release(5), unquoted as a shell does.
std::map<std::string, std::string> parse_os_release(std::string_view text);

struct GuestUser {
  std::string name;
  std::uint64_t login_ms = 0;  // since the epoch
  bool operator==(const GuestUser&) const = default;
};
/// Who is logged in, once each with the earliest login, in order of appearance: the records of utmp(5).
std::vector<GuestUser> parse_utmp(std::string_view bytes);

struct ZoneMoment {
  std::string name;         // "CEST"
  std::int32_t offset = 0;  // seconds east of Greenwich
  bool operator==(const ZoneMoment&) const = default;
};
/// A time zone's name and offset at `now` (seconds since the epoch): a file of RFC 8536 with the rule at its end.
/// nullopt for anything else.
std::optional<ZoneMoment> parse_zone(std::string_view bytes, std::int64_t now);
/// The same of a TZ rule alone (POSIX.1, "Other Environment Variables"; "CET-1CEST,M3.5.0,M10.5.0/3").
std::optional<ZoneMoment> parse_zone_rule(std::string_view rule, std::int64_t now);

/// A line of mountinfo (proc_pid_mountinfo(5)).
struct GuestMount {
  std::string source, mount_point, type;
  unsigned major = 0, minor = 0;
  std::optional<std::uint64_t> total_bytes, used_bytes;  // not from there: nullopt where the file system does not say
  bool operator==(const GuestMount&) const = default;
};
/// Every mount.
std::vector<GuestMount> parse_mountinfo(std::string_view text);
/// File systems with files of their own: neither the kernel's views nor what is mounted at or below /dev, /proc, /sys.
/// Of several at one place the last, which covers the others.
std::vector<GuestMount> file_systems_of(std::vector<GuestMount> mounts);

/// shadow(5) with `hash` as the password of `user`, changed on `day` (since the epoch); nullopt when it has no such
/// line.
std::optional<std::string> with_password(std::string_view shadow, std::string_view user, std::string_view hash,
                                         std::int64_t day);

}  // namespace container
