#include "base/activity.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace base {
namespace {

/// One thread's. Its mutex is held for moments only, and by nobody who waits for anything else.
struct Place {
  Place();
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::mutex mutex;
  bool busy = false;
  Doing doing;
};

struct Places {
  std::mutex mutex;
  std::vector<Place*> all;
};

// Never destroyed: threads may end after main() has.
Places& places() {
  static Places& instance = *new Places;
  return instance;
}

Place::Place() {
  doing.thread = ::gettid();
  const std::scoped_lock lock(places().mutex);
  places().all.push_back(this);
}

Place::~Place() {
  const std::scoped_lock lock(places().mutex);
  std::erase(places().all, this);
}

Place& own() {
  thread_local Place place;
  return place;
}

}  // namespace

Activity::Activity(const char* call, std::uint64_t client) {
  Place& place = own();
  const std::scoped_lock lock(place.mutex);
  if (place.busy) return;
  outermost_ = place.busy = true;
  place.doing.call = call;
  place.doing.client = client;
  place.doing.since = std::chrono::steady_clock::now();
}

Activity::~Activity() {
  if (!outermost_) return;
  Place& place = own();
  const std::scoped_lock lock(place.mutex);
  place.busy = false;
  place.doing.domain.clear();
}

void note_domain(const std::string& name, const Uuid& uuid) noexcept {
  try {
    Place& place = own();
    const std::scoped_lock lock(place.mutex);
    if (!place.busy) return;
    place.doing.domain = name;
    place.doing.uuid = uuid;
  } catch (const std::exception&) {  // out of memory: a line in the log says less
  }
}

Doing own_activity() {
  Place& place = own();
  const std::scoped_lock lock(place.mutex);
  return place.busy ? place.doing : Doing{};
}

std::vector<Doing> activities() {
  std::vector<Doing> found;
  const std::scoped_lock lock(places().mutex);
  for (Place* const place : places().all) {
    const std::scoped_lock one(place->mutex);
    if (place->busy) found.push_back(place->doing);
  }
  return found;
}

}  // namespace base
