#include "driver/node_power.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace driver {
namespace {

class NodePowerTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/lxcell-power-XXXXXX";
    sys_ = ::mkdtemp(pattern);
    std::filesystem::create_directories(sys_ + "/power");
    std::filesystem::create_directories(sys_ + "/class/rtc/rtc0");
    put("/power/state", "freeze mem disk\n");
    put("/power/disk", "[platform] shutdown suspend\n");
    put("/class/rtc/rtc0/wakealarm", "");
  }
  void TearDown() override { std::filesystem::remove_all(sys_); }
  void put(const std::string& name, const std::string& text) { std::ofstream(sys_ + name) << text; }
  std::string get(const std::string& name) { return base::read_file(sys_ + name); }
  base::Code refusal(unsigned target, std::uint64_t seconds) {
    try {
      NodePower(sys_).prepare(target, seconds);
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::Code::Ok;
  }
  std::string sys_;
};

TEST_F(NodePowerTest, TheAlarmIsSetBeforeTheHostSleeps) {
  const NodePower power(sys_);
  power.prepare(VIR_NODE_SUSPEND_TARGET_MEM, 90);
  EXPECT_EQ(get("/class/rtc/rtc0/wakealarm"), "+90\n");
  EXPECT_EQ(get("/power/state"), "freeze mem disk\n") << "it does not sleep yet";
  power.sleep(VIR_NODE_SUSPEND_TARGET_MEM);
  EXPECT_EQ(get("/power/state"), "mem\n");
  EXPECT_EQ(get("/power/disk"), "[platform] shutdown suspend\n");
}

TEST_F(NodePowerTest, HybridIsAKindOfDisk) {
  const NodePower power(sys_);
  power.prepare(VIR_NODE_SUSPEND_TARGET_HYBRID, 60);
  power.sleep(VIR_NODE_SUSPEND_TARGET_HYBRID);
  EXPECT_EQ(get("/power/disk"), "suspend\n");
  EXPECT_EQ(get("/power/state"), "disk\n");
}

TEST_F(NodePowerTest, WhatThisHostCannotDoIsRefusedBeforeAnythingIsSet) {
  EXPECT_EQ(refusal(VIR_NODE_SUSPEND_TARGET_MEM, 59), base::Code::InvalidArg);
  EXPECT_EQ(refusal(17, 60), base::Code::InvalidArg);
  put("/power/state", "freeze\n");
  EXPECT_EQ(refusal(VIR_NODE_SUSPEND_TARGET_MEM, 60), base::Code::OperationUnsupported);
  put("/power/state", "mem disk\n");
  put("/power/disk", "[platform]\n");
  EXPECT_EQ(refusal(VIR_NODE_SUSPEND_TARGET_HYBRID, 60), base::Code::OperationUnsupported);
  EXPECT_EQ(get("/class/rtc/rtc0/wakealarm"), "");
  std::filesystem::remove(sys_ + "/class/rtc/rtc0/wakealarm");
  EXPECT_EQ(refusal(VIR_NODE_SUSPEND_TARGET_MEM, 60), base::Code::OperationUnsupported);
}

}  // namespace
}  // namespace driver
