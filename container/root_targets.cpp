#include "container/root_targets.hpp"

#include <sys/stat.h>

#include "base/error.hpp"
#include "container/mount_target.hpp"

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
  struct stat unused;
  return owner_ && ::lstat((root_ + path).c_str(), &unused) == 0;
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
