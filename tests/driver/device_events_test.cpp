// Who listens is told of devices that come and go.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "driver/device_fixture.hpp"

namespace {

using namespace test;

/// A client's own event loop; libvirt wants one before the connection is opened.
class DeviceEventsTest : public DevicesTest {
 protected:
  struct Heard {
    std::mutex mutex;
    std::condition_variable changed;
    std::string story;
    void add(const std::string& what, const char* alias) {
      const std::scoped_lock lock(mutex);
      story += what + alias + " ";
      changed.notify_all();
    }
  };
  void SetUp() override {
    static const bool ready = [] {
      if (virEventRegisterDefaultImpl() < 0) return false;
      virEventAddTimeout(
          100, [](int, void*) {}, nullptr, nullptr);
      std::thread([] {
        while (virEventRunDefaultImpl() >= 0) {
        }
      }).detach();
      return true;
    }();
    ASSERT_TRUE(ready);
    DevicesTest::SetUp();
  }
};

TEST_F(DeviceEventsTest, N8DevicesThatComeAndGoAreTold) {
  Heard heard;
  const virConnectDomainEventDeviceAddedCallback added = [](virConnectPtr, virDomainPtr, const char* alias, void* to) {
    static_cast<Heard*>(to)->add("+", alias);
  };
  const virConnectDomainEventDeviceRemovedCallback removed = [](virConnectPtr, virDomainPtr, const char* alias,
                                                                void* to) { static_cast<Heard*>(to)->add("-", alias); };
  const int ids[] = {virConnectDomainEventRegisterAny(conn_, nullptr, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
                                                      VIR_DOMAIN_EVENT_CALLBACK(added), &heard, nullptr),
                     virConnectDomainEventRegisterAny(conn_, nullptr, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                                      VIR_DOMAIN_EVENT_CALLBACK(removed), &heard, nullptr)};
  ASSERT_GE(ids[0], 0) << message();
  ASSERT_GE(ids[1], 0) << message();
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kConfig), VIR_ERR_OK);  // nothing happens to the running one
  ASSERT_EQ(attach(domain, nic(mac(2)), kLive), VIR_ERR_OK);
  ASSERT_EQ(attach(domain, nic(mac(3) + "<alias name='ua-lan'/>"), kBoth), VIR_ERR_OK);
  ASSERT_EQ(detach(domain, nic(mac(2)), kLive), VIR_ERR_OK);
  ASSERT_EQ(code(virDomainDetachDeviceAlias(domain, "ua-lan", kBoth)), VIR_ERR_OK);
  {
    std::unique_lock lock(heard.mutex);
    heard.changed.wait_for(lock, std::chrono::seconds(20), [&] { return heard.story.size() >= 24; });
    EXPECT_EQ(heard.story, "+net0 +ua-lan -net0 -ua-lan ");
  }
  for (const int id : ids) EXPECT_EQ(virConnectDomainEventDeregisterAny(conn_, id), 0);
}

}  // namespace
