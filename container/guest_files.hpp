// A container's own files, read and written from outside while it runs, through work_inside().
#pragma once

#include <string>
#include <vector>

#include "container/guest_text.hpp"
#include "container/guest_work.hpp"

namespace container {

/// As they are; "" for what is not there or is no regular file.
struct GuestFiles {
  std::string os_release;  // /etc/os-release, else /usr/lib/os-release
  std::string utmp;        // /run/utmp, else /var/run/utmp
  std::string zone;        // /etc/localtime
};
GuestFiles read_guest_files(const GuestPlace& place);

/// Fills in the sizes of those that answer.
void measure_file_systems(const GuestPlace& place, std::vector<GuestMount>& mounts);

/// Makes `hash` (crypt(5)) the password of `user` in /etc/shadow, under the lock that passwd(1) takes, old or new at
/// any instant. Throws OperationFailed when there is no such user, SystemError otherwise.
void set_guest_password(const GuestPlace& place, const std::string& user, const std::string& hash);
/// For /etc/shadow: SHA-512, which every container's libcrypt knows. Throws InternalError.
std::string hash_password(const std::string& password);

}  // namespace container
