#include "container/guest_text.hpp"

#include <utmp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "cgroup/text.hpp"

namespace container {
namespace {

/// Splits off what comes before `separator`; everything when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return head;
}

std::string unquoted(std::string_view text) {
  std::string value;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size())
      value += text[++i];
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote && quote != 0)
      quote = 0;
    else
      value += c;
  }
  return value;
}

template <std::size_t N>
std::string fixed_text(const char (&field)[N]) {
  return std::string(field, ::strnlen(field, N));
}

}  // namespace

std::map<std::string, std::string> parse_os_release(std::string_view text) {
  std::map<std::string, std::string> found;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line.empty() || line[0] == '#' || line.find('=') == std::string_view::npos) continue;
    const std::string key(take_until(line, '='));
    found[key] = unquoted(line);
  }
  return found;
}

std::vector<GuestUser> parse_utmp(std::string_view bytes) {
  std::vector<GuestUser> users;
  for (; bytes.size() >= sizeof(utmp); bytes.remove_prefix(sizeof(utmp))) {
    utmp record{};
    std::memcpy(&record, bytes.data(), sizeof record);
    if (record.ut_type != USER_PROCESS || record.ut_user[0] == '\0') continue;
    const std::int64_t login = std::int64_t{record.ut_tv.tv_sec} * 1000 + record.ut_tv.tv_usec / 1000;
    const GuestUser user{fixed_text(record.ut_user), static_cast<std::uint64_t>(std::max<std::int64_t>(login, 0))};
    const auto known = std::ranges::find(users, user.name, &GuestUser::name);
    if (known == users.end())
      users.push_back(user);
    else
      known->login_ms = std::min(known->login_ms, user.login_ms);
  }
  return users;
}

namespace {

unsigned number_of(std::string_view text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

constexpr const char* kViewTypes[] = {"proc",     "sysfs",      "cgroup",      "cgroup2",   "devpts",  "mqueue",
                                      "devtmpfs", "securityfs", "debugfs",     "tracefs",   "fusectl", "configfs",
                                      "bpf",      "pstore",     "binfmt_misc", "hugetlbfs", "autofs",  "rpc_pipefs",
                                      "nsfs",     "efivarfs",   "selinuxfs"};

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

std::vector<GuestMount> parse_mountinfo(std::string_view text) {
  std::vector<GuestMount> mounts;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    GuestMount mount;
    take_until(line, ' ');  // mount id
    take_until(line, ' ');  // its parent's
    std::string_view device = take_until(line, ' ');
    mount.major = number_of(take_until(device, ':'));
    mount.minor = number_of(device);
    take_until(line, ' ');  // root within the file system
    mount.mount_point = cgroup::unescape_path(take_until(line, ' '));
    take_until(line, ' ');  // options
    while (!line.empty() && take_until(line, ' ') != "-") {
    }
    mount.type = take_until(line, ' ');
    mount.source = cgroup::unescape_path(take_until(line, ' '));
    if (!mount.type.empty() && mount.mount_point.starts_with('/')) mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<GuestMount> file_systems_of(std::vector<GuestMount> mounts) {
  std::vector<GuestMount> found;
  for (auto& mount : mounts) {
    const auto& at = mount.mount_point;
    if (std::ranges::find(kViewTypes, mount.type) != std::end(kViewTypes)) continue;
    if (is_below(at, "/dev") || is_below(at, "/proc") || is_below(at, "/sys")) continue;
    std::erase_if(found, [&](const auto& earlier) { return earlier.mount_point == at; });
    found.push_back(std::move(mount));
  }
  return found;
}

std::optional<std::string> with_password(std::string_view shadow, std::string_view user, std::string_view hash,
                                         std::int64_t day) {
  std::string changed;
  bool found = false;
  while (!shadow.empty()) {
    const std::string_view line = take_until(shadow, '\n');
    std::string_view rest = line;
    if (found || take_until(rest, ':') != user || line.size() == user.size()) {
      changed.append(line).append("\n");
      continue;
    }
    found = true;
    take_until(rest, ':');  // the old password
    take_until(rest, ':');  // and when it was changed
    changed.append(user).append(":").append(hash).append(":").append(std::to_string(day)).append(":");
    changed.append(rest).append("\n");
  }
  if (!found) return std::nullopt;
  return changed;
}

}  // namespace container
