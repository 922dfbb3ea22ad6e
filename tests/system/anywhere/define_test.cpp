// Define, create and undefine: every row of lifecycle.md §4.
#include <sys/resource.h>

#include <filesystem>
#include <utility>

#include "support/fixture.hpp"

namespace {

using namespace support;

const char* const kUuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
const char* const kOtherUuid = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";

std::string title_of(virDomainPtr domain, unsigned flags = 0) {
  return xpath(dump(domain, flags), "string(/domain/title)");
}

class DefineTest : public SystemTest {
 protected:
  static DomainXml titled(const std::string& title, const Rootfs* root = nullptr, const std::string& uuid = kUuid) {
    DomainXml definition = xml("define", root);
    definition.uuid = uuid;
    definition.elements = "  <title>" + title + "</title>\n";
    return definition;
  }
};

TEST_F(DefineTest, NewDomainIsShutOffAndPersistent) {
  EventCollector events(connection_);
  const Domain domain = define(titled("one"));
  EXPECT_EQ(state_and_reason(domain), "shutoff/0");
  EXPECT_EQ(virDomainIsPersistent(domain), 1);
  EXPECT_EQ(virDomainIsActive(domain), 0);
  EXPECT_EQ(virDomainIsUpdated(domain), 0);
  EXPECT_EQ(static_cast<int>(virDomainGetID(domain)), -1);
  EXPECT_EQ(uuid_of(domain), kUuid);
  EXPECT_EQ(take(virDomainGetOSType(domain)), "exe");
  EXPECT_TRUE(events.wait_for_story(own_name("define"), "DEFINED/0"));
}

TEST_F(DefineTest, MissingUuidIsMadeUp) {
  const Domain domain = define(xml("nouuid"));
  EXPECT_EQ(uuid_of(domain).size(), 36U);
  EXPECT_NE(uuid_of(domain), "00000000-0000-0000-0000-000000000000");
}

TEST_F(DefineTest, SameUuidAndNameReplacesWhenShutOff) {
  EventCollector events(connection_);
  define(titled("one"));
  const Domain domain = define(titled("two"));
  EXPECT_EQ(title_of(domain), "two");
  EXPECT_TRUE(events.wait_for_story(own_name("define"), "DEFINED/0 DEFINED/1"));
  EXPECT_EQ(events.story(own_name("define")), "DEFINED/0 DEFINED/1");
}

TEST_F(DefineTest, WhileRunningItIsForTheNextBoot) {
  const Rootfs root;
  EventCollector events(connection_);
  const Domain first = define_and_start(titled("one", &root));
  const Domain second = define(titled("two", &root));
  EXPECT_EQ(virDomainGetID(second), virDomainGetID(first)) << "the handle carries the running id";
  EXPECT_EQ(title_of(first), "one");
  EXPECT_EQ(title_of(first, VIR_DOMAIN_XML_INACTIVE), "two");
  ASSERT_TRUE(ok(virDomainDestroy(first)));
  EXPECT_EQ(title_of(first), "two");
  EXPECT_TRUE(events.wait_for_story(own_name("define"), "DEFINED/0 STARTED/0 DEFINED/1 STOPPED/1"));
  EXPECT_EQ(events.story(own_name("define")), "DEFINED/0 STARTED/0 DEFINED/1 STOPPED/1");
}

TEST_F(DefineTest, RunningTransientBecomesPersistent) {
  const Rootfs root;
  EventCollector events(connection_);
  const Domain domain = create(titled("one", &root));
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  define(titled("two", &root));
  EXPECT_EQ(virDomainIsPersistent(domain), 1);
  EXPECT_EQ(title_of(domain), "one");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF) << "still defined";
  EXPECT_EQ(title_of(domain), "two");
  EXPECT_TRUE(events.wait_for_story(own_name("define"), "STARTED/0 DEFINED/0 STOPPED/1"));
  EXPECT_EQ(events.story(own_name("define")), "STARTED/0 DEFINED/0 STOPPED/1");
}

TEST_F(DefineTest, SameUuidOtherNameIsRefused) {
  define(titled("one"));
  DomainXml other = titled("two");
  other.name = own_name("other");
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, virDomainDefineXML(connection_, other.text().c_str())));
  EXPECT_NE(last_failure().message.find(own_name("define")), std::string::npos) << last_failure().message;
  EXPECT_NE(last_failure().message.find(kUuid), std::string::npos) << last_failure().message;
}

TEST_F(DefineTest, OtherUuidSameNameIsRefused) {
  define(titled("one"));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED,
                         virDomainDefineXML(connection_, titled("two", nullptr, kOtherUuid).text().c_str())));
  EXPECT_NE(last_failure().message.find(own_name("define")), std::string::npos) << last_failure().message;
  EXPECT_NE(last_failure().message.find(kUuid), std::string::npos) << last_failure().message;
}

TEST_F(DefineTest, SameNameWithoutUuidIsRefused) {
  define(titled("one"));
  EXPECT_TRUE(
      fails_with(VIR_ERR_OPERATION_FAILED, virDomainDefineXML(connection_, titled("two", nullptr, "").text().c_str())));
}

TEST_F(DefineTest, ConflictsHoldForCreateXmlToo) {
  const Rootfs root;
  define(titled("one", &root));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED,
                         virDomainCreateXML(connection_, titled("two", &root, kOtherUuid).text().c_str(), 0)));
  DomainXml other = titled("two", &root);
  other.name = own_name("other");
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, virDomainCreateXML(connection_, other.text().c_str(), 0)));
}

TEST_F(DefineTest, CreateXmlOfARunningDomainIsInvalid) {
  const Rootfs root;
  create(titled("one", &root));
  EXPECT_TRUE(
      fails_with(VIR_ERR_OPERATION_INVALID, virDomainCreateXML(connection_, titled("two", &root).text().c_str(), 0)));
}

TEST_F(DefineTest, CreateXmlOfAnInactivePersistentDomainRunsTheGivenXml) {
  const Rootfs root;
  const Domain stored = define(titled("stored", &root));
  const Domain running = create(titled("running", &root));
  EXPECT_EQ(virDomainIsPersistent(running), 1);
  EXPECT_EQ(title_of(running), "running");
  EXPECT_EQ(title_of(running, VIR_DOMAIN_XML_INACTIVE), "stored");
  ASSERT_TRUE(ok(virDomainDestroy(running)));
  EXPECT_EQ(title_of(stored), "stored");
}

TEST_F(DefineTest, FailedCreateXmlLeavesNoObjectAndNoEvent) {
  EventCollector events(connection_);
  const Rootfs root;
  DomainXml broken = titled("one", &root);
  broken.init = "/sbin/missing";
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virDomainCreateXML(connection_, broken.text().c_str(), 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByUUIDString(connection_, kUuid)));
  ASSERT_TRUE(events.drain());
  EXPECT_EQ(events.story(own_name("define")), "");
}

TEST_F(DefineTest, FailedStartKeepsTheDefinition) {
  EventCollector events(connection_);
  const Rootfs root;
  DomainXml broken = titled("one", &root);
  broken.init = "/sbin/missing";
  const Domain domain = define(broken);
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virDomainCreate(domain)));
  EXPECT_EQ(state_and_reason(domain), "shutoff/6") << "failed";
  EXPECT_EQ(virDomainIsPersistent(domain), 1);
  ASSERT_TRUE(events.drain());
  EXPECT_EQ(events.story(own_name("define")), "DEFINED/0");
  // And it starts once the cause is gone.
  define(titled("one", &root));
  EXPECT_TRUE(ok(virDomainCreate(domain)));
}

TEST_F(DefineTest, TransientDisappearsWhenItStops) {
  const Rootfs root;
  EventCollector events(connection_);
  const Domain domain = create(titled("one", &root));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByUUIDString(connection_, kUuid)));
  EXPECT_EQ(virDomainIsActive(domain), -1) << "a stale handle";
  EXPECT_EQ(last_failure().code, VIR_ERR_NO_DOMAIN);
  ASSERT_TRUE(events.drain());
  EXPECT_EQ(events.story(own_name("define")), "STARTED/0 STOPPED/1") << "no UNDEFINED";
}

/// A large document is read at a low priority. That is its reader's, not the container's.
TEST_F(DefineTest, AContainerOfALargeDocumentRunsAtThePriorityOfAnyOther) {
  const Rootfs root;
  DomainXml plain = titled("one", &root);
  const Domain small = create(plain);
  const auto priorities = [](virDomainPtr domain) {
    return std::pair(getpriority(PRIO_PROCESS, static_cast<id_t>(id_of(domain))),
                     getpriority(PRIO_PROCESS, static_cast<id_t>(init_pid(domain))));
  };
  const auto usual = priorities(small);
  ASSERT_TRUE(ok(virDomainDestroy(small)));
  plain.elements += "  <description>" + std::string(200000, 'd') + "</description>\n";
  const Domain large = create(plain);
  EXPECT_EQ(priorities(large), usual);
}

TEST_F(DefineTest, UndefineShutOffRemovesIt) {
  EventCollector events(connection_);
  const Domain domain = define(titled("one"));
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByName(connection_, own_name("define").c_str())));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainUndefine(domain)));
  EXPECT_TRUE(events.wait_for_story(own_name("define"), "DEFINED/0 UNDEFINED/0"));
}

TEST_F(DefineTest, UndefineRunningMakesItTransient) {
  const Rootfs root;
  EventCollector events(connection_);
  const Domain domain = define_and_start(titled("one", &root));
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
  EXPECT_TRUE(events.wait_for_story(own_name("define"), "DEFINED/0 STARTED/0 UNDEFINED/0")) << "sent at once";
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByName(connection_, own_name("define").c_str())));
  ASSERT_TRUE(events.drain());
  EXPECT_EQ(events.story(own_name("define")), "DEFINED/0 STARTED/0 UNDEFINED/0 STOPPED/1");
}

TEST_F(DefineTest, UndefineTransientIsInvalid) {
  const Rootfs root;
  const Domain domain = create(titled("one", &root));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainUndefine(domain)));
}

TEST_F(DefineTest, UndefineKnowsNoFlagsOfOtherDrivers) {
  const Domain domain = define(titled("one"));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainUndefineFlags(domain, 1U << 20)));
  EXPECT_TRUE(ok(virDomainUndefineFlags(domain, 0)));
}

TEST_F(DefineTest, DefinitionIsSoonInItsFile) {
  NEEDS_OWN_DAEMON();
  const Domain domain = define(titled("on disk"));
  const std::string path = host().daemon()->config_folder() + "/" + own_name("define") + ".xml";
  // Not an earlier test's, which has this name and uuid too.
  ASSERT_TRUE(eventually([&] { return read_text(path).find("<title>on disk</title>") != std::string::npos; }));
  EXPECT_EQ(xpath(read_text(path), "string(/domain/uuid)"), kUuid);
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  ASSERT_TRUE(ok(virDomainUndefine(domain)));
  EXPECT_TRUE(eventually([&] { return !exists(path); }));
}

TEST_F(DefineTest, ValidateRefusesWhatTheSchemaDoesNotKnow) {
  DomainXml odd = titled("one");
  odd.elements += "  <nonsense/>\n";
  EXPECT_TRUE(fails_with(VIR_ERR_XML_INVALID_SCHEMA,
                         virDomainDefineXMLFlags(connection_, odd.text().c_str(), VIR_DOMAIN_DEFINE_VALIDATE)));
  const Domain domain = define(odd);
  EXPECT_EQ(xpath(dump(domain), "count(/domain/nonsense)"), "0") << "dropped without VALIDATE";
}

TEST_F(DefineTest, UnknownFlagsAreNamed) {
  EXPECT_TRUE(
      fails_with(VIR_ERR_INVALID_ARG, virDomainDefineXMLFlags(connection_, titled("one").text().c_str(), 1U << 10)));
  EXPECT_NE(last_failure().message.find("0x400"), std::string::npos) << last_failure().message;
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainCreateXML(connection_, titled("one").text().c_str(), 1U << 10)));
  EXPECT_NE(last_failure().message.find("0x400"), std::string::npos) << last_failure().message;
}

}  // namespace
