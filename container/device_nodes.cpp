#include "container/device_nodes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

using base::Code;

base::Fd open_root(const base::PidFd& init) {
  base::Fd root(::open(("/proc/" + std::to_string(init.pid()) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  // The number may be another's by now; the pidfd says so.
  const int error = errno;
  if (!root && !init.wait_exit(0)) base::fail_errno_value(error, Code::SystemError, "cannot open the container's root");
  if (!root || init.wait_exit(0)) base::fail(Code::OperationInvalid, "the container has ended");
  return root;
}

/// The directory of `node`, and its name there. Directories on the way are made if `make`.
std::pair<base::Fd, std::string> open_place(const base::PidFd& init, const DeviceNode& node, bool make) {
  const base::Fd root = open_root(init);
  std::string directory = "/dev";
  base::Fd place(open_beneath(root.get(), directory.c_str(), O_PATH | O_DIRECTORY));
  std::size_t begin = 0;
  for (auto slash = node.path.find('/'); slash != node.path.npos; slash = node.path.find('/', begin)) {
    const std::string part = node.path.substr(begin, slash - begin);
    if (make && place) ::mkdirat(place.get(), part.c_str(), 0755);
    directory += "/" + part;
    place = base::Fd(open_beneath(root.get(), directory.c_str(), O_PATH | O_DIRECTORY));
    begin = slash + 1;
  }
  return {std::move(place), node.path.substr(begin)};
}

mode_t type_of(const DeviceNode& node) {
  return node.type == 'b' ? S_IFBLK : S_IFCHR;
}

}  // namespace

void make_node_inside(const base::PidFd& init, const DeviceNode& node, uid_t owner, gid_t group) {
  const auto place = open_place(init, node, true);
  const int directory = place.first.get();
  const char* name = place.second.c_str();
  if (directory < 0 || ::mknodat(directory, name, type_of(node) | node.mode, makedev(node.major, node.minor)) < 0)
    base::fail_errno(errno == EEXIST ? Code::OperationFailed : Code::SystemError, "cannot make device '/dev/",
                     node.path, "' in the container");
  if (::fchownat(directory, name, owner, group, AT_SYMLINK_NOFOLLOW) == 0) return;
  const int why = errno;
  ::unlinkat(directory, name, 0);
  base::fail_errno_value(why, Code::SystemError, "cannot give device '/dev/", node.path, "' to the container's root");
}

void remove_node_inside(const base::PidFd& init, const DeviceNode& node) {
  const auto [place, name] = open_place(init, node, false);
  struct stat found {};
  if (!place || ::fstatat(place.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) return;
  if ((found.st_mode & S_IFMT) == type_of(node) && found.st_rdev == makedev(node.major, node.minor))
    ::unlinkat(place.get(), name.c_str(), 0);
}

}  // namespace container
