#include "container/control_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace container {
namespace {

class ControlSocketPlace : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/control-socket-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(ControlSocketPlace, NobodyListensWhereThereIsNoneOrItWasLeft) {
  EXPECT_FALSE(connect_to(folder_, "web.sock"));
  EXPECT_FALSE(is_deserted(folder_, "web.sock"));
  { const base::Fd listener = listen_at(folder_, "web.sock"); }
  EXPECT_FALSE(connect_to(folder_, "web.sock"));
  EXPECT_TRUE(is_deserted(folder_, "web.sock"));
}

/// What takes no more connections may be a supervisor that somebody has stopped: its container runs.
TEST_F(ControlSocketPlace, WhoLetsOthersWaitIsNotGone) {
  const base::Fd listener = listen_at(folder_, "web.sock");
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  std::vector<base::Fd> waiting;
  try {
    for (int i = 0; i < 3; ++i) waiting.push_back(connect_to(folder_, "web.sock", std::chrono::seconds(1)));
    FAIL() << "all have been taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.system_errno(), ETIMEDOUT);
  }
  EXPECT_GE(waiting.size(), 1U);
  EXPECT_FALSE(is_deserted(folder_, "web.sock"));
}

}  // namespace
}  // namespace container
