#include "container/mount_target.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "container/system_calls.hpp"

namespace container {
namespace {

CreatedSink created_sink;

/// False with errno if that cannot be told.
bool same_mount(int one, int other, bool& same) {
  struct statx first, second;
  if (statx(one, "", AT_EMPTY_PATH, STATX_MNT_ID, &first) != 0 ||
      statx(other, "", AT_EMPTY_PATH, STATX_MNT_ID, &second) != 0)
    return false;
  same = first.stx_mnt_id == second.stx_mnt_id;
  return true;
}

bool make(int parent, const char* name, bool directory) {
  return directory ? mkdirat(parent, name, 0755) == 0 : mknodat(parent, name, S_IFREG | 0644, 0) == 0;
}

/// Makes the last component of `path` (a writable copy, unchanged in the end) and, before it, the missing ones it lies
/// in: 0 or errno. What is there already (EEXIST) is for the caller's open to judge: another start's directory, "..",
/// or a link that leads nowhere and stays one.
int make_path(int root, char* path, bool directory, const CreatedSink& sink) {
  std::size_t size = std::strlen(path);
  while (size > 1 && path[size - 1] == '/') size--;
  if (size <= 1) return 0;  // the root
  const char after = path[size];
  path[size] = 0;
  char* name = std::strrchr(path, '/') + 1;  // every target is absolute
  const char first = *name;
  *name = 0;
  int parent = open_beneath(root, path, O_PATH | O_DIRECTORY);
  int error = parent < 0 ? errno : 0;
  if (error == ENOENT) {
    error = make_path(root, path, true, sink);
    if (error == 0 || error == EEXIST) {
      parent = open_beneath(root, path, O_PATH | O_DIRECTORY);
      error = parent < 0 ? errno : 0;
    }
  }
  *name = first;
  // Only what lies in the image is remembered: the same path elsewhere is somebody else's directory. Asked before it is
  // made, or what cannot be told would stay.
  bool in_image = false;
  if (error == 0 && !(same_mount(parent, root, in_image) && make(parent, name, directory))) error = errno;
  if (error == 0 && in_image && sink.call != nullptr) sink.call(sink.context, path);
  if (parent >= 0) close(parent);
  path[size] = after;
  return error;
}

void remove_one(int root, char* path) {
  char* slash = std::strrchr(path, '/');
  if (slash == nullptr || slash[1] == 0) return;
  *slash = 0;
  const int parent = open_beneath(root, *path == 0 ? "/" : path, O_PATH | O_DIRECTORY);
  *slash = '/';
  if (parent < 0) return;
  struct stat info;
  if (fstatat(parent, slash + 1, &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(info.st_mode)) unlinkat(parent, slash + 1, AT_REMOVEDIR);
    if (S_ISREG(info.st_mode) && info.st_size == 0) unlinkat(parent, slash + 1, 0);
  }
  close(parent);
}

}  // namespace

void set_created_sink(const CreatedSink& sink) {
  created_sink = sink;
}

int open_mount_target(int root, const char* path, CreateTarget create) {
  return open_mount_target(root, path, create, created_sink);
}

int open_mount_target(int root, const char* path, CreateTarget create, const CreatedSink& sink) {
  const int target = open_beneath(root, path, O_PATH);
  if (target >= 0 || errno != ENOENT || create == CreateTarget::No) return target;
  char copy[PATH_MAX];
  const std::size_t size = std::strlen(path);
  if (size >= sizeof copy) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(copy, path, size + 1);
  const int error = make_path(root, copy, create == CreateTarget::Directory, sink);
  const int made = open_beneath(root, path, O_PATH);
  if (made < 0 && errno == ENOENT && error != 0) errno = error;  // why it could not be made
  return made;
}

void remove_created(const char* root_source, const char* paths, std::size_t size) {
  const int root = open(root_source, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return;
  remove_created(root, paths, size);
  close(root);
}

void remove_created(int root, const char* paths, std::size_t size) {
  char path[PATH_MAX];
  while (size > 1) {
    std::size_t start = size - 1;  // paths[size - 1] is the last one's NUL
    while (start > 0 && paths[start - 1] != 0) start--;
    if (size - start <= sizeof path) {
      std::memcpy(path, paths + start, size - start);
      remove_one(root, path);
    }
    size = start;
  }
}

}  // namespace container
