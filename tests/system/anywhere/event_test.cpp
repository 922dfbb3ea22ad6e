// Events: their order, details and ids (lifecycle.md §5).
#include <signal.h>

#include <atomic>
#include <memory>

#include "support/fixture.hpp"

namespace {

using namespace support;

class EventTest : public SystemTest {
 protected:
  EventTest() : events_(connection_), name_(own_name("event")) {}
  std::string story() const { return events_.story(name_); }

  EventCollector events_;
  std::string name_;
};

TEST_F(EventTest, WholeLife) {
  Rootfs root;
  const Domain domain = define(xml("event", root));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  const int id = id_of(domain);
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  ASSERT_TRUE(ok(virDomainResume(domain)));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  const std::string expected = "DEFINED/0 STARTED/0 SUSPENDED/0 RESUMED/0 STOPPED/1 UNDEFINED/0";
  ASSERT_TRUE(events_.wait_for_story(name_, expected)) << story();
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(story(), expected) << "no event for the second suspend";
  const auto all = events_.events(name_);
  EXPECT_EQ(all[0].id, -1) << "defined";
  EXPECT_EQ(all[1].id, id) << "started";
  EXPECT_EQ(all[2].id, id) << "suspended";
  EXPECT_EQ(all[3].id, id) << "resumed";
  EXPECT_EQ(all[5].id, -1) << "undefined";
  for (const auto& event : all) EXPECT_EQ(event.uuid, uuid_of(domain));
}

TEST_F(EventTest, StoppedCarriesNoId) {
  Rootfs root;
  const Domain domain = define_and_start(xml("event", root));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  ASSERT_TRUE(events_.wait_for_story(name_, "DEFINED/0 STARTED/0 STOPPED/1"));
  EXPECT_EQ(events_.events(name_)[2].id, -1);
}

TEST_F(EventTest, InitThatEndsByItself) {
  Rootfs root(init::kExitOnGo);
  const Domain domain = create(xml("event", root));
  ASSERT_TRUE(root.wait_ready());
  root.write("go", "0");
  ASSERT_TRUE(events_.wait_for_story(name_, "STARTED/0 STOPPED/0")) << story();
  EXPECT_EQ(story(), "STARTED/0 STOPPED/0");
  EXPECT_EQ(virDomainIsActive(domain), -1) << "transient and gone";
}

TEST_F(EventTest, PowerOff) {
  Rootfs root(init::kPowerOffOnGo);
  create(xml("event", root));
  ASSERT_TRUE(root.wait_ready());
  root.write("go", "");
  ASSERT_TRUE(events_.wait_for_story(name_, "STARTED/0 STOPPED/0")) << story();
  EXPECT_EQ(story(), "STARTED/0 STOPPED/0");
}

TEST_F(EventTest, ShutdownSaysNothingUntilInitEnds) {
  Rootfs root;
  const Domain domain = create(xml("event", root));
  ASSERT_TRUE(root.wait_ready() && wait_for_init(domain));
  ASSERT_TRUE(ok(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_SIGNAL)));
  ASSERT_TRUE(events_.wait_for_story(name_, "STARTED/0 STOPPED/0")) << story();
  EXPECT_EQ(story(), "STARTED/0 STOPPED/0");
}

TEST_F(EventTest, GuestRebootIsOneRebootEvent) {
  Rootfs root(init::kRebootOnGo);
  const Domain domain = create(xml("event", root));
  ASSERT_TRUE(root.wait_ready());
  root.write("go", "");
  ASSERT_TRUE(root.wait_ready()) << "second boot";
  ASSERT_TRUE(events_.wait_for_story(name_, "STARTED/0 REBOOT")) << story();
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(story(), "STARTED/0 REBOOT") << "neither STOPPED nor STARTED";
}

TEST_F(EventTest, ControllerKilledIsAFailure) {
  Rootfs root(init::kDeaf);
  const Domain domain = define_and_start(xml("event", root));
  ASSERT_TRUE(root.wait_ready());
  ASSERT_EQ(::kill(id_of(domain), SIGKILL), 0);
  ASSERT_TRUE(events_.wait_for_story(name_, "DEFINED/0 STARTED/0 STOPPED/5")) << story();
  EXPECT_EQ(story(), "DEFINED/0 STARTED/0 STOPPED/5");
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_TRUE(eventually([] { return processes_of(own_name("event")).empty(); })) << "the payload went with it";
}

TEST_F(EventTest, FailedStartIsSilent) {
  const Rootfs root;
  DomainXml broken = xml("event", root);
  broken.init = "/sbin/missing";
  const Domain domain = define(broken);
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virDomainCreate(domain)));
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(story(), "DEFINED/0");
}

TEST_F(EventTest, RedefineCarriesTheRunningId) {
  const Rootfs root;
  DomainXml definition = xml("event", root);
  definition.uuid = "6ba7b813-9dad-11d1-80b4-00c04fd430c8";
  const Domain domain = define_and_start(definition);
  define(definition);
  ASSERT_TRUE(events_.wait_for_story(name_, "DEFINED/0 STARTED/0 DEFINED/1"));
  EXPECT_EQ(events_.events(name_)[2].id, id_of(domain));
}

TEST_F(EventTest, MetadataChange) {
  const Domain domain = define(xml("event"));
  ASSERT_TRUE(ok(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, "new title", nullptr, nullptr, 0)));
  ASSERT_TRUE(ok(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "<x/>", "k", "urn:lxs", 0)));
  ASSERT_TRUE(events_.wait_for_story(name_, "DEFINED/0 METADATA/1 METADATA/2")) << story();
  const auto all = events_.events(name_);
  EXPECT_EQ(all[1].text, "");
  EXPECT_EQ(all[2].text, "urn:lxs");
  EXPECT_EQ(take(virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, nullptr, 0)), "new title");
  EXPECT_EQ(take(virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "urn:lxs", 0)), "<x/>");
}

TEST_F(EventTest, EverySubscriberGetsThem) {
  const Connection other = host().connect(Access::ReadOnly);
  EventCollector more(other);
  const Rootfs root;
  const Domain domain = create(xml("event", root));
  virDomainDestroy(domain);
  EXPECT_TRUE(events_.wait_for_story(name_, "STARTED/0 STOPPED/1"));
  EXPECT_TRUE(more.wait_for_story(name_, "STARTED/0 STOPPED/1"));
  EXPECT_EQ(more.story(name_), "STARTED/0 STOPPED/1");
}

TEST_F(EventTest, SubscriptionToOneDomainHearsOnlyThatOne) {
  const Domain mine = define(xml("event"));
  const Domain other = define(xml("other"));
  EventCollector only(connection_, mine);
  virDomainUndefine(other);
  virDomainUndefine(mine);
  ASSERT_TRUE(only.wait_for_story("", "UNDEFINED/0"));
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(only.story(), "UNDEFINED/0");
  EXPECT_EQ(only.events()[0].name, name_);
}

TEST_F(EventTest, NoneAfterUnsubscribing) {
  const Connection other = host().connect();
  EventCollector kept(other);
  std::atomic<int> heard{0};
  const auto count = [](virConnectPtr, virDomainPtr, int, int, void* opaque) {
    ++*static_cast<std::atomic<int>*>(opaque);
    return 0;
  };
  ASSERT_TRUE(ok(virConnectDomainEventRegister(other, count, &heard, nullptr)));
  define(xml("before"));
  ASSERT_TRUE(eventually([&] { return heard == 1; }));
  ASSERT_TRUE(ok(virConnectDomainEventDeregister(other, count)));
  define(xml("event"));
  ASSERT_TRUE(kept.wait_for_story(name_, "DEFINED/0"));
  EXPECT_EQ(heard, 1);
}

TEST_F(EventTest, LegacySubscription) {
  struct Heard {
    std::atomic<int> started{0}, stopped{0};
  };
  Heard heard;
  const auto call = [](virConnectPtr, virDomainPtr domain, int type, int, void* opaque) {
    if (!std::string(virDomainGetName(domain)).starts_with(own_name("event"))) return 0;
    auto* ears = static_cast<Heard*>(opaque);
    ears->started += type == VIR_DOMAIN_EVENT_STARTED;
    ears->stopped += type == VIR_DOMAIN_EVENT_STOPPED;
    return 0;
  };
  const Connection other = host().connect();
  ASSERT_TRUE(ok(virConnectDomainEventRegister(other, call, &heard, nullptr)));
  const Rootfs root;
  const Domain domain = create(xml("event", root));
  virDomainDestroy(domain);
  EXPECT_TRUE(eventually([&] { return heard.started == 1 && heard.stopped == 1; }));
  EXPECT_TRUE(ok(virConnectDomainEventDeregister(other, call)));
}

TEST_F(EventTest, SilentEventsCanBeSubscribedTo) {
  for (const int id :
       {VIR_DOMAIN_EVENT_ID_RTC_CHANGE, VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_ID_IO_ERROR,
        VIR_DOMAIN_EVENT_ID_CONTROL_ERROR, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_ID_TUNABLE,
        VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_ID_JOB_COMPLETED}) {
    const int callback = virConnectDomainEventRegisterAny(
        connection_, nullptr, id, VIR_DOMAIN_EVENT_CALLBACK(+[](virConnectPtr, virDomainPtr, void*) {}), nullptr,
        nullptr);
    EXPECT_TRUE(ok(callback)) << "event id " << id;
    EXPECT_TRUE(ok(virConnectDomainEventDeregisterAny(connection_, callback))) << "event id " << id;
  }
}

}  // namespace
