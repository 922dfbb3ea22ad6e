// Users and groups of the container's own databases, read a line at a time from files a hostile image may have written.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace container {

constexpr int kMaxGroups = 256;

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  char name[256] = {};  // as the database spells it; empty for a number that is not in it
};

/// `spec` is a name, or a number when no such name exists ("+0" is always a number). `passwd` is -1 or readable from
/// its start. False if it is neither.
bool find_account(int passwd, const char* spec, Account& account);
bool find_group(int group, const char* spec, gid_t& gid);
/// Groups that list `user` as a member, `primary` first; at most kMaxGroups.
int list_groups(int group, const char* user, gid_t primary, gid_t (&groups)[kMaxGroups]);

}  // namespace container
