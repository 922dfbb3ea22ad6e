// The soak program: root, a mount and a network namespace of its own, one daemon, and the flags that make it long.
#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "soak/attacks.hpp"
#include "soak/settings.hpp"
#include "support/command.hpp"
#include "support/events.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"
#include "support/watchdog.hpp"

namespace soak {
namespace {

Settings chosen;

class WholeRun : public testing::Environment {
  void TearDown() override {
    std::string problem;
    EXPECT_TRUE(support::host().tear_down(problem)) << problem << support::host().daemon()->output();
  }
};

int run() {
  if (geteuid() != 0) throw std::runtime_error("containers are started: root is needed");
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      support::run({"ip", "link", "set", "lo", "up"}).status != 0)
    throw std::runtime_error("cannot make namespaces");
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  signal(SIGPIPE, [](int) {});
  support::start_event_loop();
  support::host().set_up();
  support::clean_up_when_interrupted();
  // Of the short form no test takes a minute on a machine that does something else too.
  if (chosen == Settings{}) support::start_watchdog(std::chrono::minutes(3));
  testing::AddGlobalTestEnvironment(new WholeRun);
  const int code = RUN_ALL_TESTS();
  return testing::UnitTest::GetInstance()->test_to_run_count() == 0 ? 1 : code;
}

}  // namespace

const Settings& settings() {
  return chosen;
}

void report(const std::string& line) {
  std::printf("[ SOAK     ] %s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace soak

int main(int count, char** words) {
  testing::InitGoogleTest(&count, words);
  CLI::App app{"Load, limits and hostile clients; without options the short form", "soak_test"};
  auto& chosen = soak::chosen;
  app.add_option("--seconds", chosen.seconds, "of random calls by many clients");
  app.add_option("--seed", chosen.seed, "of what they call");
  app.add_option("--clients", chosen.clients, "how many of them, at most 64")->check(CLI::Range(1, 64));
  app.add_option("--cycles", chosen.cycles, "starts and stops of a container");
  app.add_option("--cycle-seconds", chosen.cycle_seconds, "the most that those may take");
  app.add_option("--running", chosen.running, "containers at the same time");
  app.add_option("--defined", chosen.defined, "domains defined at the same time");
  app.add_option("--connections", chosen.connections, "clients connected at the same time");
  app.add_option("--attack-seconds", chosen.attack_seconds, "for each kind of hostile client");
  std::string attack;
  soak::Victim victim;
  app.add_option("--attack", attack, "be hostile clients of this kind until stdin ends")->group("");
  app.add_option("--attack-socket", victim.socket, "whose")->group("");
  app.add_option("--attack-domain", victim.domain, "a container of that daemon")->group("");
  CLI11_PARSE(app, count, words);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  int code = 1;
  try {
    if (!attack.empty()) return soak::run_attack(soak::find_attack(attack), victim);
    code = soak::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the soak cannot run: %s\n", error.what());
  }
  support::remove_scratch();
  return code;
}
