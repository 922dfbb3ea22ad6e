// What each thread of this program is at: for the fields of its lines in the journal, and for the dump of state, which
// has to come also when one of them is stuck.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/uuid.hpp"

namespace base {

struct Doing {
  pid_t thread = 0;
  const char* call = "";     // the API's name, or of what is done in the background
  std::uint64_t client = 0;  // 0: nobody's
  std::string domain;        // that it concerns, empty until that is known
  Uuid uuid;
  std::chrono::steady_clock::time_point since;
};

/// From here to its end the thread is at `call`, text that outlives it. One within another's counts as part of that.
class Activity {
 public:
  explicit Activity(const char* call, std::uint64_t client = 0);
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

 private:
  bool outermost_ = false;
};

/// The domain that this thread's activity concerns; without effect when there is none. Never throws.
void note_domain(const std::string& name, const Uuid& uuid) noexcept;

/// This thread's, nothing when it has none.
Doing own_activity();
/// Of all threads that have one.
std::vector<Doing> activities();

}  // namespace base
