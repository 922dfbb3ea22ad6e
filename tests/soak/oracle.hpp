// Judges what clients were answered about one domain, and the events it sent: is there an order of the calls, each
// taking effect at one instant between its begin and its end, in which the model gives every one of these answers and
// exactly these events? (Wing and Gong's linearizability, decided call by call as they return.) With one client that
// order is the only one, and the check is exact.
#pragma once

#include <chrono>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "soak/model.hpp"

namespace soak {

struct Call {
  unsigned client = 0;  // at most one at a time each, below 64
  Operation operation;
  Answer answer;
  std::chrono::steady_clock::time_point begin, end;
};

class Oracle {
 public:
  explicit Oracle(std::string domain) : domain_(std::move(domain)) {}

  /// A stretch at whose ends no call is under way. `events`: all that came since the last. The state goes on in the
  /// next.
  /// "" when all is explained, else what is not.
  std::string judge(std::vector<Call> calls, const std::vector<Told>& events);
  /// After the last: whether no event is owed and none came that nothing explains.
  std::string conclude(const std::vector<Told>& events);
  /// How many explanations were thought of at most at the same time.
  std::size_t width() const { return width_; }

 private:
  /// One way it may have gone so far.
  struct Path {
    State state;
    std::uint64_t done = 0;     // clients whose pending call has taken effect
    std::size_t explained = 0;  // events
    std::vector<Told> owed;     // events that have yet to come
    auto operator<=>(const Path&) const = default;
  };
  bool follow(Path& path, const Step& step) const;
  void hear(const std::vector<Told>& events);
  void explain_return(const std::vector<const Call*>& pending, unsigned client);
  std::string complaint(const std::set<Path>& before, const std::vector<const Call*>& pending, const Call& call) const;

  std::string domain_;
  std::vector<Told> events_;
  std::set<Path> paths_ = {Path{}};
  std::deque<std::string> recent_;
  std::size_t width_ = 1;
};

}  // namespace soak
