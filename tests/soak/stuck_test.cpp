// A job that waits for somebody who never answers: it fails with a timeout, and the domain, the daemon and everybody
// else go on.
#include <libvirt/virterror.h>

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "soak/silent_mount.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;

class Stuck : public SystemTest {
 protected:
  const Rootfs root_;
};

TEST_F(Stuck, AFilesystemThatNeverAnswersTimesOutAndTheDomainStaysManageable) {
  const SilentMount silent;
  if (!silent.mounted()) GTEST_SKIP() << "no FUSE here";
  const Domain domain = define_and_start(xml("stuck", root_));
  const Domain other = define_and_start(xml("other", root_));
  const std::string device = mount_filesystem(silent.below(), "/mnt");
  const auto attach = [&] {
    const Connection connection = host().connect();
    const Domain same(virDomainLookupByName(connection, virDomainGetName(domain)));
    const bool failed = virDomainAttachDeviceFlags(same, device.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0;
    const Failure failure = last_failure();
    report("attach of a filesystem that never answers: " + failure.message);
    return failed ? failure.code : VIR_ERR_OK;
  };
  auto first = std::async(std::launch::async, attach);
  ASSERT_TRUE(eventually([&] {
    virDomainControlInfo info = {};
    return virDomainGetControlInfo(domain, &info, 0) == 0 && info.state == VIR_DOMAIN_CONTROL_JOB;
  }));
  // Others' jobs, and questions about this one, are answered meanwhile.
  for (int i = 0; i < 20; ++i) {
    virDomainInfo info = {};
    EXPECT_EQ(virDomainGetInfo(domain, &info), 0) << describe(last_failure());
    EXPECT_TRUE(ok(virDomainSuspend(other)));
    EXPECT_TRUE(ok(virDomainResume(other)));
  }
  EXPECT_EQ(first.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(first.get(), VIR_ERR_OPERATION_TIMEOUT);
  EXPECT_EQ(dump(domain).find("/mnt"), std::string::npos);
  EXPECT_TRUE(ok(virDomainSuspend(domain)));
  EXPECT_TRUE(ok(virDomainResume(domain)));
  EXPECT_TRUE(ok(virDomainDestroy(domain)));
}

TEST_F(Stuck, AStartFromAFilesystemThatNeverAnswersTimesOutAndLeavesNothing) {
  const SilentMount silent;
  if (!silent.mounted()) GTEST_SKIP() << "no FUSE here";
  DomainXml definition = xml("start", root_);
  definition.devices = mount_filesystem(silent.below(), "/mnt");
  const Domain domain = define(definition);
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_TIMEOUT, virDomainCreate(domain)));
  report("start from a filesystem that never answers: " + last_failure().message);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
  EXPECT_TRUE(wait_for_no_traces(own_name("start"), host().daemon()->state_folder()).empty());
}

TEST_F(Stuck, JobsThatWaitForAStuckOneHoldUpNobodyElse) {
  std::vector<std::jthread> waiting;  // before what it waits for, which then ends first
  std::optional<SilentMount> silent(std::in_place);
  if (!silent->mounted()) GTEST_SKIP() << "no FUSE here";
  const Domain domain = define_and_start(xml("stuck", root_));
  const Domain other = define_and_start(xml("other", root_));
  const std::string device = mount_filesystem(silent->below(), "/mnt");
  const std::string name = virDomainGetName(domain);
  for (int i = 0; i < 12; ++i)  // more than the daemon has workers
    waiting.emplace_back([device, name, i] {
      const Connection connection = host().connect();
      const Domain same(virDomainLookupByName(connection, name.c_str()));
      if (i == 0)
        virDomainAttachDeviceFlags(same, device.c_str(), VIR_DOMAIN_AFFECT_LIVE);
      else
        virDomainSuspend(same);
    });
  ASSERT_TRUE(eventually([&] {
    virDomainControlInfo info = {};
    return virDomainGetControlInfo(domain, &info, 0) == 0 && info.state == VIR_DOMAIN_CONTROL_JOB &&
           info.stateTime > 500;
  }));
  double worst = 0;
  for (int i = 0; i < 5; ++i)
    worst = std::max(worst, milliseconds_of([&] {
                       EXPECT_TRUE(ok(virDomainSuspend(other)));
                       EXPECT_TRUE(ok(virDomainResume(other)));
                     }));
  report("another domain's suspend and resume while 12 calls wait for a stuck one: worst " +
         std::to_string(static_cast<int>(worst)) + " ms");
  EXPECT_LT(worst, 2000 * time_scale());
  silent.reset();  // nobody waits any longer
  waiting.clear();
}

}  // namespace
}  // namespace soak
