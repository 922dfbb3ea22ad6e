#include "driver/store.hpp"

#include <gtest/gtest.h>
#include <seccomp.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "container/control_socket.hpp"
#include "domain-xml/parse.hpp"
#include "driver/harness.hpp"
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

/// In a thread for which the kernel refuses these calls. A filter is a thread's own and goes with it (seccomp(2)).
void refused(std::initializer_list<int> calls, const std::function<void()>& act) {
  std::thread([&] {
    const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
    for (const int call : calls) ASSERT_EQ(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0), 0);
    ASSERT_EQ(seccomp_load(filter.get()), 0);
    act();
  }).join();
}

TEST_F(StoreTest, AStatusFileThatCannotBeRemovedStartsNothing) {
  driver::Store store(paths_);
  const driver::SavedStatus saved{.restarting = true, .live = domain_xml::parse_domain(test::domain_xml("web"))};
  const std::initializer_list<int> removals[] = {
      {SCMP_SYS(unlink), SCMP_SYS(unlinkat)},
      {SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2)}};
  for (const auto& calls : removals) {
    store.save_status(saved);
    ASSERT_TRUE(store.load_status("web")->restarting);
    refused(calls, [&] { store.remove_status("web"); });
    ASSERT_TRUE(has("web.status"));
    const auto left = store.load_status("web");
    ASSERT_TRUE(left);
    EXPECT_FALSE(left->restarting);
  }
  store.remove_status("web");
  EXPECT_FALSE(has("web.status"));
}

}  // namespace
