#include "container/filesystem.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace container {
namespace {

bool set_option(int context, char* option) {
  char* value = std::strchr(option, '=');
  if (value == nullptr) return fsconfig(context, FSCONFIG_SET_FLAG, option, nullptr, 0) == 0;
  *value++ = 0;
  if (*value == '"') {
    value++;
    value[std::strcspn(value, "\"")] = 0;
  }
  return fsconfig(context, FSCONFIG_SET_STRING, option, value, 0) == 0;
}

/// Up to the next comma that is not within quotes, in which an SELinux context has its categories.
std::size_t option_size(const char* option) {
  std::size_t size = std::strcspn(option, ",\"");
  if (option[size] != '"') return size;
  size++;
  size += std::strcspn(option + size, "\"");
  return size + std::strcspn(option + size, ",");
}

bool set_options(int context, const char* options) {
  char option[1024];
  while (*options != 0) {
    const std::size_t size = option_size(options);
    if (size >= sizeof option) {
      errno = ENAMETOOLONG;
      return false;
    }
    std::memcpy(option, options, size);
    option[size] = 0;
    if (size > 0 && !set_option(context, option)) return false;
    options += size + (options[size] == ',' ? 1 : 0);
  }
  return true;
}

}  // namespace

int make_filesystem(const char* type, const char* source, const char* options, std::uint64_t attributes) {
  const int context = fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int mount = -1;
  if ((*source == 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) == 0) &&
      set_options(context, options) && fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    mount = fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
  }
  const int error = errno;
  close(context);
  errno = error;
  return mount;
}

bool add_attributes(int mount, std::uint64_t attributes, bool recursive) {
  mount_attr change = {};
  change.attr_set = attributes;
  if ((attributes & MOUNT_ATTR__ATIME) != 0) change.attr_clr = MOUNT_ATTR__ATIME;
  change.propagation = MS_PRIVATE;
  return mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &change, sizeof change) == 0;
}

}  // namespace container
