#include "driver/domain_state.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace {

using container::ExitCause;
using container::ExitRecord;
using domain_xml::DomainDefinition;
using domain_xml::LifecycleAction;
using driver::EndVerdict;
using driver::judge_end;

constexpr int exited(int code) {
  return code << 8;
}

TEST(Defects, D8_CrashAndShutdownAreToldApart) {
  const DomainDefinition definition;
  const auto clean = judge_end({ExitCause::Exited, exited(0)}, definition, false);
  EXPECT_EQ(clean.shutoff_reason, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
  EXPECT_EQ(clean.stopped_detail, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  for (const int status : {exited(3), SIGKILL, SIGSEGV}) {
    const auto crash = judge_end({ExitCause::Exited, status}, definition, false);
    EXPECT_EQ(crash.shutoff_reason, VIR_DOMAIN_SHUTOFF_CRASHED) << status;
    EXPECT_EQ(crash.stopped_detail, VIR_DOMAIN_EVENT_STOPPED_CRASHED) << status;
  }
}

TEST(JudgeEnd, AnyEndAfterShutdownWasAskedIsAShutdown) {
  EXPECT_EQ(judge_end({ExitCause::Exited, SIGTERM}, {}, true).shutoff_reason, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
  EXPECT_EQ(judge_end({ExitCause::Exited, exited(143)}, {}, true).shutoff_reason, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
}

TEST(Defects, D7_LifecycleActionsAreHonoured) {
  DomainDefinition definition;
  EXPECT_EQ(judge_end({ExitCause::Reboot, SIGHUP}, definition, false).next, EndVerdict::Next::Restart);
  EXPECT_TRUE(judge_end({ExitCause::Reboot, SIGHUP}, definition, false).reboot_event);
  definition.on_reboot = LifecycleAction::Destroy;
  EXPECT_EQ(judge_end({ExitCause::Reboot, SIGHUP}, definition, false).next, EndVerdict::Next::Stop);
  EXPECT_EQ(judge_end({ExitCause::PowerOff, SIGINT}, definition, false).next, EndVerdict::Next::Stop);
  definition.on_poweroff = LifecycleAction::Restart;
  EXPECT_EQ(judge_end({ExitCause::PowerOff, SIGINT}, definition, false).next, EndVerdict::Next::Restart);
  EXPECT_EQ(judge_end({ExitCause::Exited, exited(1)}, definition, false).next, EndVerdict::Next::Stop);
  definition.on_crash = LifecycleAction::Restart;
  EXPECT_EQ(judge_end({ExitCause::Exited, exited(1)}, definition, false).next, EndVerdict::Next::Restart);
}

TEST(JudgeEnd, LostSupervisorIsAFailure) {
  const auto verdict = judge_end({ExitCause::SupervisorLost, 0}, {}, false);
  EXPECT_EQ(verdict.next, EndVerdict::Next::Stop);
  EXPECT_EQ(verdict.shutoff_reason, VIR_DOMAIN_SHUTOFF_FAILED);
  EXPECT_EQ(verdict.stopped_detail, VIR_DOMAIN_EVENT_STOPPED_FAILED);
}

}  // namespace
