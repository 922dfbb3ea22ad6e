// Against an ovsdb-server of the test's own, where Open vSwitch is installed. No switch is needed for its database.
#include "container/ovs_port.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "base/error.hpp"

namespace container {
namespace {

constexpr const char* kSchema = "/usr/share/openvswitch/vswitch.ovsschema";

std::string output_of(const std::string& command) {
  std::string text;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe)) text += buffer.data();
  if (pipe) ::pclose(pipe);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

constexpr const char* kUuid = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

class OvsPortTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kSchema)) GTEST_SKIP() << "Open vSwitch is not installed";
    char name[] = "/tmp/lxcell-ovs-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    socket_ = folder_ + "/db.sock";
    ASSERT_EQ(output_of("ovsdb-tool create " + folder_ + "/db " + kSchema), "");
    const std::string database = folder_ + "/db", remote = "--remote=punix:" + socket_,
                      control = "--unixctl=" + folder_ + "/ctl", log = "--log-file=" + folder_ + "/log";
    const char* const argv[] = {"ovsdb-server", database.c_str(), remote.c_str(), control.c_str(),
                                log.c_str(),    "-vconsole:off",  nullptr};
    ASSERT_EQ(::posix_spawnp(&server_, "ovsdb-server", nullptr, nullptr, const_cast<char* const*>(argv), environ), 0);
    for (int i = 0; i < 10000 && !has_ovs(socket_); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(has_ovs(socket_));
    vsctl("init");
    vsctl("add-br ovsbr");
  }
  void TearDown() override {
    if (server_ > 0) {
      ::kill(server_, SIGTERM);
      ::waitpid(server_, nullptr, 0);
    }
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  std::string vsctl(const std::string& command) const {
    return output_of("ovs-vsctl --no-wait --db=unix:" + socket_ + " " + command);
  }
  OvsPort add(const OvsPlan& plan, const std::string& link = "vnet7", const std::string& owner = "/run/x/web") const {
    return OvsPort::add(plan, link, {owner, kUuid}, socket_);
  }

  std::string folder_, socket_;
  pid_t server_ = -1;
};

TEST_F(OvsPortTest, HasItsIdentityAndIsGoneWithItsOwner) {
  {
    const OvsPort port = add({.bridge = "ovsbr",
                              .interface_id = "09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f",
                              .profile_id = "gold",
                              .mac = "52:54:00:00:00:01"});
    EXPECT_EQ(vsctl("list-ports ovsbr"), "vnet7");
    EXPECT_EQ(vsctl("get Interface vnet7 external_ids:iface-id"), "\"09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f\"");
    EXPECT_EQ(vsctl("get Interface vnet7 external_ids:port-profile"), "gold");
    EXPECT_EQ(vsctl("get Interface vnet7 external_ids:vm-id"), "\"" + std::string(kUuid) + "\"");
    EXPECT_EQ(vsctl("get Interface vnet7 external_ids:attached-mac"), "\"52:54:00:00:00:01\"");
    EXPECT_EQ(vsctl("get Port vnet7 tag"), "[]");
  }
  EXPECT_EQ(vsctl("list-ports ovsbr"), "");
  EXPECT_EQ(vsctl("--columns=name find Interface name=vnet7"), "");
}

TEST_F(OvsPortTest, Vlans) {
  const OvsPort access = add({.bridge = "ovsbr", .vlans = {{7, true, true}}}, "one");
  EXPECT_EQ(vsctl("get Port one tag trunks vlan_mode"), "7\n[]\n[]");
  const OvsPort trunk = add({.bridge = "ovsbr", .vlans = {{7, false, false}, {8, true, true}}}, "two");
  EXPECT_EQ(vsctl("get Port two tag trunks vlan_mode"), "8\n[7, 8]\nnative-untagged");
  const OvsPort tagged = add({.bridge = "ovsbr", .vlans = {{9, false, false}}}, "three");
  EXPECT_EQ(vsctl("get Port three tag trunks vlan_mode"), "[]\n[9]\n[]");
}

TEST_F(OvsPortTest, ALaterDaemonFindsWhatIsAnOwners) {
  add({.bridge = "ovsbr"}, "one").release();
  add({.bridge = "ovsbr"}, "two").release();
  add({.bridge = "ovsbr"}, "other", "/run/x/db").release();
  remove_ovs_ports_of("/run/x/web", socket_);
  EXPECT_EQ(vsctl("list-ports ovsbr"), "other");
  EXPECT_NO_THROW(remove_ovs_ports_of("/run/x/web", socket_));
  EXPECT_NO_THROW(remove_ovs_port("one", socket_)) << "gone already";
}

TEST_F(OvsPortTest, WhatIsWrongIsSaid) {
  try {
    add({.bridge = "nobr"});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message(), testing::HasSubstr("bridge 'nobr'"));
  }
  const OvsPort first = add({.bridge = "ovsbr"});
  try {
    add({.bridge = "ovsbr"});
    FAIL() << "a port of that name is there";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message(), testing::HasSubstr("'vnet7'"));
  }
  EXPECT_EQ(vsctl("list-ports ovsbr"), "vnet7");
}

TEST(OvsPort, NoDatabase) {
  EXPECT_FALSE(has_ovs("/no/such/db.sock"));
  EXPECT_THROW(remove_ovs_port("x", "/no/such/db.sock"), base::Error);
}

}  // namespace
}  // namespace container
