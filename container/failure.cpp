#include "container/failure.hpp"

#include <unistd.h>

namespace container {
namespace {
FailureSink failure_sink = nullptr;
}

void set_failure_sink(FailureSink sink) {
  failure_sink = sink;
}

void give_up(const char* step, const char* object, int error) {
  if (failure_sink != nullptr) failure_sink(step, object, error);
  _exit(1);
}

}  // namespace container
