// Takes over the containers of the daemon before this one. What the kernel refuses meanwhile concerns one container: it
// is left alone, which its domain says when it is to be started, and tried again until this daemon has it. One whose
// state file is damaged is asked itself. Ends with libvirt's other drivers what belonged to containers that are no
// more.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "base/uuid.hpp"
#include "driver/domain.hpp"

namespace driver {

class Recovery {
 public:
  explicit Recovery(Services& services) : services_(services) {}

  /// All of them, before anybody can ask. Throws SystemError when it cannot be seen which there are. Loop thread.
  void begin();
  /// Whatever libvirt's other drivers have for our domains and not for a container. On a worker.
  void drop_strays();

 private:
  struct Left {
    std::string why;
    bool for_good = false;  // a newer daemon's
  };

  void try_domain(const std::string& name, const std::optional<Event>& event);
  std::optional<SavedStatus> load(const std::string& name);
  std::optional<SavedStatus> reconstruct(const std::string& name);
  void take_over(const SavedStatus& saved, const std::optional<Event>& event);
  void leave_alone(const std::string& name, Left left);
  bool may_have_strays(const std::string& name) const;
  bool has_ended(const base::Uuid& domain) const;
  std::vector<std::string> to_be_tried_again() const;
  void try_again_later();
  void try_again();

  Services& services_;
  mutable std::mutex mutex_;  // guards the next three
  std::map<std::string, Left> left_alone_;
  std::set<std::string> unsure_;          // taken over, and what they have of libvirt's other drivers is not known
  std::set<base::Uuid> ended_;            // whose containers are no more
  std::chrono::milliseconds pause_{100};  // the loop thread's, as is the timer
  base::Watch timer_;
};

}  // namespace driver
