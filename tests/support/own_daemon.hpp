// Tests that restart a daemon, or ask one for what the other tests' should not have, have one of their own.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "support/fixture.hpp"

namespace support {

class OwnDaemonTest : public testing::Test {
 protected:
  /// Domains, and what is left of them, carry own_name(word).
  explicit OwnDaemonTest(std::string word) : word_(std::move(word)) {}
  /// A running daemon: start it with begin(), unless the test cannot run here.
  void begin(std::unique_ptr<Daemon> daemon = nullptr);
  /// Destroys every domain, and fails the test if anything of them is left on the host or the daemon does not end well.
  void TearDown() override;

  void connect();
  void crash_and_restart();

  const std::string word_;
  std::unique_ptr<Daemon> daemon_;
  Connection connection_;
};

}  // namespace support
