// Mount points that starts had to make inside images, to be taken away again. Containers may share one image: removing
// a directory would also unmount what another container has mounted there, so only the last one of an image removes
// them.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace container {

/// Always behind a shared_ptr: containers outlive the launcher that started them.
class RootTargets : public std::enable_shared_from_this<RootTargets> {
 public:
  /// One container's use of an image; leave() before it is destroyed, or what it made stays.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept = default;
    Use& operator=(Use&& other) noexcept;
    ~Use() { drop(); }
    /// `created` as in protocol::StatusMessage. Removes it now if nobody else uses the image, else with the last user.
    void leave(const std::string& created);
    /// Removes `created` now if nobody else uses the image; else false, and it is for leave() to do.
    bool remove(const std::string& created);
    /// Whether the image has something at `path`, or that cannot be told.
    bool has(const std::string& path) const;
    /// What of `path` and the directories it lies in the image does not have, outermost first.
    std::vector<std::string> missing(const std::string& path) const;

   private:
    friend class RootTargets;
    void drop() noexcept;
    std::shared_ptr<RootTargets> owner_;
    std::pair<dev_t, ino_t> image_{};
    std::string root_;
  };

  /// Throws InternalError naming the directory if it cannot be reached.
  Use enter(const std::string& root);

 private:
  struct Image {
    unsigned users = 0;
    std::string created;
  };
  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, Image> images_;
};

}  // namespace container
