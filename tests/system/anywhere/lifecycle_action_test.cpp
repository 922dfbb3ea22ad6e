// <on_reboot>, <on_poweroff> and <on_crash> with real containers, and the same set while they run.
#include "support/fixture.hpp"

namespace {

using namespace support;

class D7_LifecycleActions : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("D7: it never looks at them"); }
  void start(const char* init, const std::string& actions) {
    root_.set_init(init);
    auto definition = xml("d7", root_);
    definition.elements = actions;
    domain_ = define(definition.text());
    events_ = std::make_unique<EventCollector>(connection_, domain_);
    ASSERT_TRUE(ok(virDomainCreate(domain_)));
    ASSERT_TRUE(root_.wait_ready());
  }
  bool told(const std::string& story) const { return events_->wait_for_story(own_name("d7"), "STARTED/0 " + story); }

  Rootfs root_;
  Domain domain_;
  std::unique_ptr<EventCollector> events_;
};

TEST_F(D7_LifecycleActions, OnRebootDestroyStops) {
  start(init::kRebootOnGo, "<on_reboot>destroy</on_reboot>");
  root_.write("go", "");
  EXPECT_TRUE(told("STOPPED/0")) << events_->story();
  EXPECT_EQ(state_of(domain_), VIR_DOMAIN_SHUTOFF);
}

TEST_F(D7_LifecycleActions, OnPoweroffRestartStartsAnew) {
  start(init::kPowerOffOnGo, "<on_poweroff>restart</on_poweroff>");
  root_.write("go", "");
  EXPECT_TRUE(told("STOPPED/0 STARTED/0")) << events_->story();
  EXPECT_TRUE(root_.wait_ready());
  EXPECT_EQ(state_of(domain_), VIR_DOMAIN_RUNNING);
}

TEST_F(D7_LifecycleActions, OnCrashRestartStartsAnewAndPreserveDoesNot) {
  start(init::kExitOnGo, "<on_crash>restart</on_crash>");
  root_.write("go", "3");
  EXPECT_TRUE(told("STOPPED/2 STARTED/0")) << events_->story();
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(virDomainSetLifecycleAction(domain_, VIR_DOMAIN_LIFECYCLE_CRASH, VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY,
                                             VIR_DOMAIN_AFFECT_LIVE)));
  root_.write("go", "3");
  EXPECT_TRUE(told("STOPPED/2 STARTED/0 STOPPED/2")) << events_->story();
  EXPECT_EQ(state_and_reason(domain_), "shutoff/3");
}

TEST_F(D7_LifecycleActions, SetWhileItRunsTheyHoldForThisRun) {
  start(init::kRebootOnGo, "");
  ASSERT_TRUE(ok(virDomainSetLifecycleAction(domain_, VIR_DOMAIN_LIFECYCLE_REBOOT, VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY,
                                             VIR_DOMAIN_AFFECT_LIVE)));
  root_.write("go", "");
  EXPECT_TRUE(told("STOPPED/0")) << events_->story();
  ASSERT_TRUE(ok(virDomainCreate(domain_)));
  ASSERT_TRUE(root_.wait_ready());
  root_.write("go", "");
  EXPECT_TRUE(told("STOPPED/0 STARTED/0 REBOOT")) << "the next boot's is as it was: " << events_->story();
}

}  // namespace
