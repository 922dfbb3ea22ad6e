// The walks over fault points: root, a mount namespace of its own, libvirt's event loop.
//   faults_test [--long] [GoogleTest's options]
#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "soak/faults/stage.hpp"
#include "support/events.hpp"
#include "support/watchdog.hpp"

namespace faults {
namespace {
bool every_point = false;
}
bool long_form() {
  return every_point;
}
}  // namespace faults

int main(int count, char** words) {
  faults::enter(count, words);
  testing::InitGoogleTest(&count, words);
  for (int i = 1; i < count; ++i)
    if (std::string_view(words[i]) == "--long") faults::every_point = true;
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    std::fprintf(stderr, "the walks start containers and must run as root\n");
    return 1;
  }
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  signal(SIGPIPE, [](int) {});
  support::start_event_loop();
  support::clean_up_when_interrupted();
  if (!faults::long_form()) support::start_watchdog();  // which gives a test five minutes
  const int code = RUN_ALL_TESTS();
  support::remove_scratch();
  return code;
}
