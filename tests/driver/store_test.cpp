#include "driver/store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/fd.hpp"
#include "container/control_socket.hpp"
#include "driver/root_fixture.hpp"

namespace {

namespace fs = std::filesystem;

class StoreTest : public test::RootFixture {
 protected:
  void SetUp() override {
    RootFixture::SetUp();
    fs::create_directories(paths_.run);
  }

  base::Fd listen(const std::string& name) const { return container::listen_at(paths_.run, name); }
  bool has(const std::string& name) const { return fs::exists(paths_.run + "/" + name); }
};

TEST_F(StoreTest, SocketsOfEarlierDaemonsGoOnceNobodyListens) {
  const base::Fd lives = listen("lives.sock");
  listen("stays-behind.sock").reset();
  listen("ended.sock").reset();
  std::ofstream(paths_.run + "/ended.status") << "version=1000\n\n";
  std::ofstream(paths_.run + "/no-socket.sock") << "";
  driver::Store store(paths_);
  EXPECT_EQ(store.status_names(), std::vector<std::string>{"ended"});
  EXPECT_FALSE(has("stays-behind.sock"));
  EXPECT_TRUE(has("lives.sock")) << "a supervisor listens";
  EXPECT_TRUE(has("ended.sock")) << "whoever has the status file's domain removes it";
  EXPECT_TRUE(has("no-socket.sock"));
}

}  // namespace
