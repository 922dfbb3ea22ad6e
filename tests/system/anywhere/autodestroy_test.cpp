// Containers that end with the connection that started them.
#include "support/fixture.hpp"

namespace {

using namespace support;

class AutodestroyTest : public SystemTest {
 protected:
  AutodestroyTest() : events_(connection_) {}
  EventCollector events_;
  Rootfs root_;
};

TEST_F(AutodestroyTest, PersistentDomainStaysDefined) {
  const Domain domain = define(xml("auto", root_));
  {
    const Connection owner = host().connect();
    const Domain same(virDomainLookupByName(owner, own_name("auto").c_str()));
    ASSERT_TRUE(ok(virDomainCreateWithFlags(same, VIR_DOMAIN_START_AUTODESTROY)));
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
  }
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
  EXPECT_EQ(state_and_reason(domain), "shutoff/2");
  EXPECT_TRUE(events_.wait_for_story(own_name("auto"), "DEFINED/0 STARTED/0 STOPPED/1"));
  EXPECT_EQ(events_.story(own_name("auto")), "DEFINED/0 STARTED/0 STOPPED/1");
}

TEST_F(AutodestroyTest, TransientDomainVanishes) {
  {
    const Connection owner = host().connect();
    const Domain domain(virDomainCreateXML(owner, xml("auto", root_).text().c_str(), VIR_DOMAIN_START_AUTODESTROY));
    ASSERT_TRUE(domain) << describe(last_failure());
  }
  EXPECT_TRUE(events_.wait_for_story(own_name("auto"), "STARTED/0 STOPPED/1"));
  EXPECT_TRUE(eventually([&] { return !Domain(virDomainLookupByName(connection_, own_name("auto").c_str())); }));
}

TEST_F(AutodestroyTest, WithoutTheFlagItStays) {
  {
    const Connection owner = host().connect();
    const Domain domain(virDomainCreateXML(owner, xml("auto", root_).text().c_str(), 0));
    ASSERT_TRUE(domain) << describe(last_failure());
  }
  ASSERT_TRUE(events_.drain());
  const Domain domain(virDomainLookupByName(connection_, own_name("auto").c_str()));
  ASSERT_TRUE(domain);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(AutodestroyTest, AnotherConnectionClosingChangesNothing) {
  const Domain domain = create(xml("auto", root_), VIR_DOMAIN_START_AUTODESTROY);
  {
    const Connection other = host().connect();
    const Domain same(virDomainLookupByName(other, own_name("auto").c_str()));
    ASSERT_TRUE(same);
  }
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(AutodestroyTest, DestroyedByHandFirst) {
  Connection owner = host().connect();
  const Domain domain = define(xml("auto", root_));
  {
    const Domain same(virDomainLookupByName(owner, own_name("auto").c_str()));
    ASSERT_TRUE(ok(virDomainCreateWithFlags(same, VIR_DOMAIN_START_AUTODESTROY)));
  }
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  ASSERT_TRUE(ok(virDomainCreate(domain))) << "started anew, by somebody else";
  owner.reset();
  ASSERT_TRUE(events_.drain());
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

}  // namespace
