// Real launches as root: an event loop on a thread of its own, a busybox image, cgroups under a prefix of this
// process's own, a bridge of its own, and a picture of the host to compare before and after.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/event_loop.hpp"
#include "container/launcher.hpp"
#include "container/supervisor_harness.hpp"

namespace container::test {

/// How init ended, as on_exit told it.
class ExitWitness {
 public:
  void watch(Running& running);
  /// Waits some seconds; nullopt if nothing was told.
  std::optional<ExitRecord> wait();
  int times() const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<ExitRecord> record;
    int times = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class LaunchTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  /// `script` for busybox's shell, in the image, with a console and a memory limit.
  domain_xml::DomainDefinition shell(const std::string& name, const std::string& script) const;
  /// One that runs until it is killed.
  domain_xml::DomainDefinition sleeper(const std::string& name) const {
    return shell(name, "while :; do sleep 1000; done");
  }
  static domain_xml::Interface bridged();
  LauncherConfig config() const;
  /// A new launcher, as a restarted daemon has it.
  void restart();
  static void end(Running& running);
  static std::string bridge();

  /// Everything of ours the host has: cgroups, links, files, mounts, processes. Waits for what is just going away.
  std::set<std::string> host_state() const;
  void expect_unchanged();
  /// Launch that must fail; checks that nothing is left.
  base::Error refused(const domain_xml::DomainDefinition& definition);

  std::optional<Image> image_;
  std::string scratch_;
  std::set<std::string> before_;
  std::unique_ptr<base::EventLoop> loop_;
  std::unique_ptr<Launcher> launcher_;
  std::thread loop_thread_;
};

bool eventually(const std::function<bool()>& condition);

}  // namespace container::test
