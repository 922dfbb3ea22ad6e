// Tests of a virtlxcelld beside a stock libvirtd, both in one network namespace: one pair for all tests of a suite.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/daemon.hpp"
#include "support/fixture.hpp"
#include "support/libvirtd.hpp"

namespace support {

class BesideLibvirtd : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;

  /// virsh -q through our socket; fails the test when it fails.
  static std::string virsh(const std::vector<std::string>& words);
  static Output virsh_of(const std::string& uri, std::vector<std::string> words);
  /// A connection to our daemon.
  static Connection connect();
  /// A new file called `name` with that text.
  static std::string write(const std::string& name, const std::string& text);

  static inline std::unique_ptr<Libvirtd> libvirtd_;
  static inline std::unique_ptr<Daemon> daemon_;
};

}  // namespace support
