#include "driver/kept_files.hpp"

#include <malloc.h>

#include "driver/domain_registry.hpp"

namespace driver {
namespace {

constexpr auto kKeepOpenFor = std::chrono::minutes(2);

}  // namespace

void KeptFiles::used() {
  if (waiting_.exchange(true)) return;
  loop_.post([this] {
    timer_ = loop_.after(kKeepOpenFor, [this] {
      waiting_ = false;
      run_on_worker_([this] { close_all(); });
    });
  });
}

void KeptFiles::close_all() const {
  for (const auto& domain : registry_.all())
    if (const auto running = domain->snapshot().running) running->close_kept_files();
  ::malloc_trim(0);  // as nobody asks any more: of a thousand containers 0.8 MiB
}

}  // namespace driver
