// A root of its own, as --root takes it, for tests of what a daemon has on disk.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "driver/paths.hpp"

namespace test {

class RootFixture : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/lxcell-root-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    root_ = pattern;
    paths_ = driver::Paths::below(root_, "lxcell");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string root_;
  driver::Paths paths_;
};

}  // namespace test
