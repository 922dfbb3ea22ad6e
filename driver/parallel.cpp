#include "driver/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace driver {
namespace {

constexpr std::size_t kPart = 32;  // long enough that handing it out does not count

struct Shared {
  std::size_t count = 0;
  std::atomic<std::size_t> next = 0;
  std::size_t done = 0;
  std::mutex mutex;
  std::condition_variable changed;

  void take_parts(const std::function<void(std::size_t, std::size_t)>& work) {
    for (std::size_t first = next.fetch_add(kPart); first < count; first = next.fetch_add(kPart)) {
      const std::size_t end = std::min(first + kPart, count);
      work(first, end);
      const std::scoped_lock lock(mutex);
      done += end - first;
      changed.notify_one();
    }
  }
};

}  // namespace

void run_in_parallel(const Services& services, std::size_t count,
                     const std::function<void(std::size_t first, std::size_t end)>& work) {
  const auto shared = std::make_shared<Shared>();
  shared->count = count;
  const std::size_t parts = (count + kPart - 1) / kPart;
  const std::size_t helpers = std::min<std::size_t>(std::thread::hardware_concurrency(), parts);
  // One that starts after all parts are taken touches `shared` only, which it holds.
  for (std::size_t i = 1; i < helpers; ++i) services.run_on_worker([shared, &work] { shared->take_parts(work); });
  shared->take_parts(work);
  std::unique_lock lock(shared->mutex);
  shared->changed.wait(lock, [&] { return shared->done == count; });
}

}  // namespace driver
