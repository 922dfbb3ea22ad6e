#include "container/root_targets.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace container {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<std::string>;

class RootTargetsTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/lxcell-root-XXXXXX";
    root_ = ::mkdtemp(pattern);
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path in(const std::string& path) const { return root_ + path; }

  std::string root_;
  std::shared_ptr<RootTargets> targets_ = std::make_shared<RootTargets>();
};

TEST_F(RootTargetsTest, WhatAMountPointLacks) {
  fs::create_directories(in("/there"));
  const auto use = targets_->enter(root_);
  EXPECT_EQ(use.missing("/there"), Paths());
  EXPECT_EQ(use.missing("/there/a/b"), (Paths{"/there/a", "/there/a/b"}));
  EXPECT_EQ(use.missing("/new"), Paths{"/new"});
}

TEST_F(RootTargetsTest, LinksOfAnImageLeadNowhereElse) {
  const std::string name = fs::path(root_).filename();  // something that the host has in /tmp
  fs::create_directories(in("/tmp"));
  fs::create_directory_symlink("/tmp", in("/link"));
  auto use = targets_->enter(root_);
  EXPECT_EQ(use.missing("/link/" + name), Paths{"/link/" + name});
  EXPECT_FALSE(use.has("/link/" + name));
  fs::create_directory(in("/tmp/" + name));
  EXPECT_TRUE(use.has("/link/" + name));
  fs::create_symlink("/nowhere", in("/dangling"));
  EXPECT_TRUE(use.has("/dangling"));
  use.leave("");
}

TEST_F(RootTargetsTest, WithoutAnImageThereIsNothing) {
  const RootTargets::Use none;
  EXPECT_EQ(none.missing("/new"), Paths());
  EXPECT_FALSE(none.has("/"));
}

}  // namespace
}  // namespace container
