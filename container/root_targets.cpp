#include "container/root_targets.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/mount_target.hpp"
#include "container/system_calls.hpp"

namespace container {

RootTargets::Use& RootTargets::Use::operator=(Use&& other) noexcept {
  if (this != &other) {
    drop();
    owner_ = std::move(other.owner_);
    image_ = other.image_;
    root_ = std::move(other.root_);
  }
  return *this;
}

void RootTargets::Use::drop() noexcept {
  if (!owner_) return;
  const auto held = std::exchange(owner_, nullptr);
  RootTargets& owner = *held;
  const std::scoped_lock lock(owner.mutex_);
  const auto image = owner.images_.find(image_);
  if (--image->second.users == 0) owner.images_.erase(image);
}

void RootTargets::Use::leave(const std::string& created) {
  if (!owner_) return;
  const auto held = std::exchange(owner_, nullptr);
  RootTargets& owner = *held;
  // Held while removing: a start on the same image must find its mount points whole, or make its own.
  const std::scoped_lock lock(owner.mutex_);
  const auto image = owner.images_.find(image_);
  image->second.created += created;
  if (--image->second.users > 0) return;
  const std::string all = std::move(image->second.created);
  owner.images_.erase(image);
  if (!all.empty()) remove_created(root_.c_str(), all.data(), all.size());
}

bool RootTargets::Use::remove(const std::string& created) {
  if (!owner_) return false;
  const std::scoped_lock lock(owner_->mutex_);
  if (owner_->images_.at(image_).users > 1) return false;
  remove_created(root_.c_str(), created.data(), created.size());
  return true;
}

bool RootTargets::Use::has(const std::string& path) const {
  if (!owner_) return false;
  const base::Fd root(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return base::Fd(open_beneath(root.get(), path.c_str(), O_PATH | O_NOFOLLOW)) || errno != ENOENT;
}

std::vector<std::string> RootTargets::Use::missing(const std::string& path) const {
  std::vector<std::string> found;
  if (!owner_) return found;
  const base::Fd root = base::open_file(root_, O_PATH | O_DIRECTORY);
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    const base::Fd there(open_beneath(root.get(), part.c_str(), O_PATH));
    if (!there && errno == ENOENT) found.push_back(part);
    if (end == std::string::npos) return found;
  }
}

RootTargets::Use RootTargets::enter(const std::string& root) {
  struct stat status {};
  if (::stat(root.c_str(), &status) < 0)
    base::fail_errno(base::Code::InternalError, "guest failed to start: cannot open root directory '", root, "'");
  Use use;
  use.owner_ = shared_from_this();
  use.image_ = {status.st_dev, status.st_ino};
  use.root_ = root;
  const std::scoped_lock lock(mutex_);
  ++images_[use.image_].users;
  return use;
}

}  // namespace container
