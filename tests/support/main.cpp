// The system test program: root, a mount namespace of its own so that nothing it mounts outlives it, the libvirt event
// loop, the host under test, and a last look that enough of the suite really ran.
#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "support/events.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"
#include "support/watchdog.hpp"

namespace {

/// Fewer finished tests than this in an unfiltered run mean that the suite proved nothing, whatever the reasons to skip
/// were.
constexpr int kLeastTests = 150;

class WholeRun : public testing::Environment {
  void TearDown() override {
    std::string problem;
    EXPECT_TRUE(support::host().tear_down(problem)) << problem;
    const auto& run = *testing::UnitTest::GetInstance();
    const int done = run.successful_test_count() + run.failed_test_count();
    const bool whole = run.test_to_run_count() == run.total_test_count();
    const int least = whole ? kLeastTests : 1;
    EXPECT_GE(done, least) << run.skipped_test_count() << " tests were skipped";
    std::printf("[ SYSTEM   ] %s: %d passed, %d failed, %d skipped\n", support::host().uri().c_str(),
                run.successful_test_count(), run.failed_test_count(), run.skipped_test_count());
  }
};

}  // namespace

int main(int count, char** words) {
  testing::InitGoogleTest(&count, words);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (geteuid() != 0) {
    std::fprintf(stderr, "the system tests start containers and must run as root\n");
    return 1;
  }
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    std::perror("cannot make a mount namespace");
    return 1;
  }
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // tests look at errors themselves
  // A daemon that is killed while a call is on its way must not take the tests along. A handler, unlike SIG_IGN, ends
  // at exec.
  signal(SIGPIPE, [](int) {});
  int code = 1;
  try {
    support::start_event_loop();
    support::host().set_up();
    support::clean_up_when_interrupted();
    support::start_watchdog();
    testing::AddGlobalTestEnvironment(new WholeRun);
    code = RUN_ALL_TESTS();
    if (testing::UnitTest::GetInstance()->test_to_run_count() == 0) code = 1;  // nothing shown, nothing passed
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the system tests cannot run: %s\n", error.what());
  }
  support::remove_scratch();
  return code;
}
