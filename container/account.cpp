#include "container/account.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace container {
namespace {

/// Lines of a file, without their end; a line longer than the buffer is passed over, as no real entry is that long.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {
    if (fd_ >= 0) lseek(fd_, 0, SEEK_SET);
  }
  char* next() {
    for (;;) {
      char* end = static_cast<char*>(std::memchr(buffer_ + start_, '\n', end_ - start_));
      if (end != nullptr || (finished_ && start_ < end_)) return cut(end);
      if (finished_ || !fill()) return nullptr;
    }
  }

 private:
  char* cut(char* end) {
    char* line = buffer_ + start_;
    if (end == nullptr) end = buffer_ + end_;
    start_ = static_cast<std::size_t>(end - buffer_) + 1;
    if (start_ > end_) start_ = end_;
    *end = 0;
    if (skipping_) {
      skipping_ = false;
      *line = 0;
    }
    return line;
  }
  bool fill() {
    std::memmove(buffer_, buffer_ + start_, end_ - start_);
    end_ -= start_;
    start_ = 0;
    if (end_ == kSize) {
      skipping_ = true;
      end_ = 0;
    }
    ssize_t got;
    do {
      got = fd_ < 0 ? 0 : read(fd_, buffer_ + end_, kSize - end_);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) finished_ = true;
    if (got > 0) end_ += static_cast<std::size_t>(got);
    return got > 0 || start_ < end_;
  }

  static constexpr std::size_t kSize = 8192;
  int fd_;
  std::size_t start_ = 0, end_ = 0;
  bool finished_ = false, skipping_ = false;
  char buffer_[kSize + 1];
};

/// Cuts the next ':'-separated field off `rest`.
char* next_field(char*& rest) {
  char* field = rest;
  if (field == nullptr) return nullptr;
  rest = std::strchr(field, ':');
  if (rest != nullptr) *rest++ = 0;
  return field;
}

bool parse_id(const char* text, std::uint32_t& id) {
  if (text == nullptr || *text == 0) return false;
  std::uint64_t value = 0;
  for (; *text != 0; text++) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
    if (value >= UINT32_MAX) return false;  // -1 means "unchanged" to the kernel
  }
  id = static_cast<std::uint32_t>(value);
  return true;
}

struct Entry {
  char* name = nullptr;
  std::uint32_t id = 0;
  char* fourth = nullptr;  // passwd: gid; group: members
};

/// Both databases begin name:password:id:.
bool parse_entry(char* line, Entry& entry) {
  entry.name = next_field(line);
  next_field(line);
  const char* id = next_field(line);
  entry.fourth = next_field(line);
  return entry.name != nullptr && *entry.name != 0 && entry.fourth != nullptr && parse_id(id, entry.id);
}

bool take_account(const Entry& entry, Account& account) {
  std::uint32_t gid = 0;
  if (!parse_id(entry.fourth, gid) || std::strlen(entry.name) >= sizeof account.name) return false;
  account.uid = entry.id;
  account.gid = gid;
  std::strcpy(account.name, entry.name);
  return true;
}

bool is_member(char* members, const char* user) {
  while (members != nullptr) {
    char* comma = std::strchr(members, ',');
    if (comma != nullptr) *comma = 0;
    if (std::strcmp(members, user) == 0) return true;
    members = comma == nullptr ? nullptr : comma + 1;
  }
  return false;
}

}  // namespace

bool find_account(int passwd, const char* spec, Account& account) {
  account = {};
  Entry entry;
  Lines lines(passwd);
  while (char* line = lines.next()) {
    if (*spec != '+' && parse_entry(line, entry) && std::strcmp(entry.name, spec) == 0 && take_account(entry, account))
      return true;
  }
  std::uint32_t uid = 0;
  if (!parse_id(*spec == '+' ? spec + 1 : spec, uid)) return false;
  account.uid = uid;
  Lines again(passwd);
  while (char* line = again.next()) {
    if (parse_entry(line, entry) && entry.id == uid && take_account(entry, account)) break;
  }
  return true;
}

bool find_group(int group, const char* spec, gid_t& gid) {
  Entry entry;
  Lines lines(group);
  while (char* line = lines.next()) {
    if (*spec == '+' || !parse_entry(line, entry) || std::strcmp(entry.name, spec) != 0) continue;
    gid = entry.id;
    return true;
  }
  return parse_id(*spec == '+' ? spec + 1 : spec, gid);
}

int list_groups(int group, const char* user, gid_t primary, gid_t (&groups)[kMaxGroups]) {
  int count = 0;
  groups[count++] = primary;
  Entry entry;
  Lines lines(group);
  while (char* line = *user == 0 ? nullptr : lines.next()) {
    if (count == kMaxGroups) break;
    if (parse_entry(line, entry) && entry.id != primary && is_member(entry.fourth, user)) groups[count++] = entry.id;
  }
  return count;
}

}  // namespace container
