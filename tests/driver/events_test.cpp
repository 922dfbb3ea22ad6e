// Events about what a running domain may use, told to clients of both registration styles by libvirt's own library.
#include <poll.h>

#include <atomic>
#include <thread>

#include "driver/harness.hpp"

namespace test {
namespace {

/// Runs libvirt's default event loop for the whole program, once a test has asked for it.
void run_event_loop() {
  static const bool once = [] {
    virEventRegisterDefaultImpl();
    std::thread([] {
      const int timer = virEventAddTimeout(
          50, [](int, void*) {}, nullptr, nullptr);
      (void)timer;
      while (true) virEventRunDefaultImpl();
    }).detach();
    return true;
  }();
  (void)once;
}

/// What has come so far, a word each.
class Story {
 public:
  void add(const std::string& word) {
    const std::scoped_lock lock(mutex_);
    text_ += (text_.empty() ? "" : " ") + word;
  }
  /// Waits until the story is `expected`, or as long as nothing else can be hoped for.
  std::string wait_for(const std::string& expected) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      {
        const std::scoped_lock lock(mutex_);
        if (text_ == expected) return text_;
      }
      ::poll(nullptr, 0, 5);
    }
    const std::scoped_lock lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

void on_tunable(virConnectPtr, virDomainPtr domain, virTypedParameterPtr params, int count, void* story) {
  std::string text = std::string(virDomainGetName(domain)) + ":";
  for (int i = 0; i < count; ++i) {
    text += std::string(i ? "," : "") + params[i].field + "=";
    text += params[i].type == VIR_TYPED_PARAM_STRING ? params[i].value.s : std::to_string(params[i].value.ul);
  }
  static_cast<Story*>(story)->add(text);
}

void on_balloon(virConnectPtr, virDomainPtr domain, unsigned long long kib, void* story) {
  static_cast<Story*>(story)->add(std::string(virDomainGetName(domain)) + "=" + std::to_string(kib));
}

class TuningEvents : public DaemonFixture {
 protected:
  void SetUp() override {
    run_event_loop();
    DaemonFixture::SetUp();
    domain_ = define(domain_xml("box"));
    other_ = define(domain_xml("other"));
    ASSERT_EQ(virDomainCreate(domain_), 0);
    ASSERT_EQ(virDomainCreate(other_), 0);
  }
  int subscribe(virDomainPtr domain, int event, virConnectDomainEventGenericCallback call, Story& story) {
    const int id = virConnectDomainEventRegisterAny(conn_, domain, event, call, &story, nullptr);
    EXPECT_GE(id, 0) << virGetLastErrorMessage();
    return id;
  }
  virDomainPtr domain_ = nullptr, other_ = nullptr;
};

TEST_F(TuningEvents, SchedulerAndPinsAreToldOfTheDomainAskedFor) {
  Story story;
  const int id = subscribe(domain_, VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tunable), story);
  virTypedParameter shares{};
  virTypedParamsClear(&shares, 0);
  std::snprintf(shares.field, sizeof shares.field, "%s", VIR_DOMAIN_SCHEDULER_CPU_SHARES);
  shares.type = VIR_TYPED_PARAM_ULLONG;
  shares.value.ul = 512;
  ASSERT_EQ(virDomainSetSchedulerParametersFlags(other_, &shares, 1, VIR_DOMAIN_AFFECT_LIVE), 0);
  ASSERT_EQ(virDomainSetSchedulerParametersFlags(domain_, &shares, 1, VIR_DOMAIN_AFFECT_CONFIG), 0);
  ASSERT_EQ(virDomainSetSchedulerParametersFlags(domain_, &shares, 1, VIR_DOMAIN_AFFECT_LIVE), 0);
  unsigned char first = 1;
  ASSERT_EQ(virDomainPinVcpu(domain_, 0, &first, 1), 0) << virGetLastErrorMessage();
  ASSERT_EQ(virDomainPinEmulator(domain_, &first, 1, VIR_DOMAIN_AFFECT_LIVE), 0) << virGetLastErrorMessage();
  const std::string expected = "box:cputune.cpu_shares=512 box:cputune.vcpupin0=0 box:cputune.emulatorpin=0";
  EXPECT_EQ(story.wait_for(expected), expected) << "neither of the other domain nor of the next boot";
  virConnectDomainEventDeregisterAny(conn_, id);
}

TEST_F(TuningEvents, LimitsOfADiskAreToldWithItsName) {
  Story story;
  const int id = subscribe(domain_, VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tunable), story);
  const char* const disk = "<disk type='block'><source dev='/dev/null'/><target dev='vda'/></disk>";
  ASSERT_EQ(virDomainAttachDeviceFlags(domain_, disk, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG), 0)
      << virGetLastErrorMessage();
  virTypedParameterPtr list = nullptr;
  int count = 0, room = 0;
  virTypedParamsAddULLong(&list, &count, &room, VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC, 7);
  ASSERT_EQ(virDomainSetBlockIoTune(domain_, "vda", list, count, VIR_DOMAIN_AFFECT_CONFIG), 0);
  ASSERT_EQ(virDomainSetBlockIoTune(domain_, "vda", list, count, VIR_DOMAIN_AFFECT_LIVE), 0)
      << virGetLastErrorMessage();
  virTypedParamsFree(list, count);
  const std::string expected = "box:blkdeviotune.disk=vda,blkdeviotune.read_iops_sec=7";
  EXPECT_EQ(story.wait_for(expected), expected) << "not of the next boot";
  virConnectDomainEventDeregisterAny(conn_, id);
}

TEST_F(TuningEvents, MemoryIsToldAsItIsNow) {
  Story story;
  const int id = subscribe(nullptr, VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_balloon), story);
  ASSERT_EQ(virDomainSetMemoryFlags(domain_, 30000, VIR_DOMAIN_AFFECT_CONFIG), 0);
  ASSERT_EQ(virDomainSetMemoryFlags(domain_, 40000, VIR_DOMAIN_AFFECT_LIVE), 0) << virGetLastErrorMessage();
  ASSERT_EQ(virDomainSetMemoryFlags(other_, 50000, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG), 0);
  EXPECT_EQ(story.wait_for("box=40000 other=50000"), "box=40000 other=50000");
  virConnectDomainEventDeregisterAny(conn_, id);
}

}  // namespace
}  // namespace test
