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
#include <string>
#include <string_view>

#include "support/events.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"
#include "support/watchdog.hpp"

namespace {

/// Whether nobody chose among the tests.
bool whole_run = false;

/// Fewer finished tests than this in such a run mean that the suite proved nothing, whatever the reasons to skip
/// were.
constexpr int kLeastTests = 150;

class WholeRun : public testing::Environment {
  void TearDown() override {
    std::string problem;
    EXPECT_TRUE(support::host().tear_down(problem)) << problem;
    const auto& run = *testing::UnitTest::GetInstance();
    const int done = run.successful_test_count() + run.failed_test_count();
    const int least = whole_run ? kLeastTests : 1;
    EXPECT_GE(done, least) << run.skipped_test_count() << " tests were skipped";
    std::printf("[ SYSTEM   ] %s: %d passed, %d failed, %d skipped\n", support::host().uri().c_str(),
                run.successful_test_count(), run.failed_test_count(), run.skipped_test_count());
  }
};

/// The machines under emulation are for what a host's cgroup layout, systemd, kernel and libvirt decide. What is the
/// same on every host has its file in tests/system/anywhere: the wire, documents, the books of domains, other daemons'
/// packets, links of containers beyond the plain ones. They leave that out, being ten times slower, by
/// LXCELL_TEST_ONLY_HOST in their environment.
void leave_out_what_is_the_same_anywhere() {
  std::string names;
  const auto& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const testing::TestInfo& test = *suite.GetTestInfo(j);
      const bool anywhere = std::string_view(test.file()).find("/system/anywhere/") != std::string_view::npos;
      if (anywhere) names += (names.empty() ? "" : ":") + (std::string(suite.name()) + ".") + test.name();
    }
  }
  testing::GTEST_FLAG(filter) = "-" + names;
}

}  // namespace

int main(int count, char** words) {
  testing::InitGoogleTest(&count, words);
  whole_run = testing::GTEST_FLAG(filter) == "*";
  if (whole_run && std::getenv("LXCELL_TEST_ONLY_HOST") != nullptr) leave_out_what_is_the_same_anywhere();
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
