// Finding a domain by name, uuid and id, and what stale handles get.
#include "support/fixture.hpp"

namespace {

using namespace support;

class LookupTest : public SystemTest {};

TEST_F(LookupTest, ByNameUuidAndUuidString) {
  const Domain domain = define(xml("lookup"));
  unsigned char uuid[VIR_UUID_BUFLEN];
  virDomainGetUUID(domain, uuid);
  for (virDomainPtr found :
       {virDomainLookupByName(connection_, own_name("lookup").c_str()), virDomainLookupByUUID(connection_, uuid),
        virDomainLookupByUUIDString(connection_, uuid_of(domain).c_str())}) {
    const Domain same(found);
    ASSERT_TRUE(same) << describe(last_failure());
    EXPECT_STREQ(virDomainGetName(same), own_name("lookup").c_str());
    EXPECT_EQ(uuid_of(same), uuid_of(domain));
    EXPECT_EQ(static_cast<int>(virDomainGetID(same)), -1);
  }
}

TEST_F(LookupTest, ByIdWhileItRuns) {
  const Rootfs root;
  const Domain domain = define_and_start(xml("lookup", root));
  const int id = id_of(domain);
  ASSERT_GT(id, 0);
  const Domain same(virDomainLookupByID(connection_, id));
  ASSERT_TRUE(same) << describe(last_failure());
  EXPECT_STREQ(virDomainGetName(same), own_name("lookup").c_str());
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByID(connection_, id)));
}

TEST_F(LookupTest, IdIsAProcessInTheContainersCgroupWithInitAsChild) {
  const Rootfs root;
  const Domain domain = define_and_start(xml("lookup", root));
  const int id = id_of(domain);
  EXPECT_NE(proc_file(id, "cgroup").find(own_name("lookup")), std::string::npos) << proc_file(id, "cgroup");
  EXPECT_GT(init_pid(domain), 0);
}

TEST_F(LookupTest, UnknownOnesAreNamed) {
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByName(connection_, "lxs-no-such-domain")));
  EXPECT_NE(last_failure().message.find("lxs-no-such-domain"), std::string::npos) << last_failure().message;
  const char* const uuid = "ffffffff-1111-2222-3333-444444444444";
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByUUIDString(connection_, uuid)));
  EXPECT_NE(last_failure().message.find(uuid), std::string::npos) << last_failure().message;
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByID(connection_, 1)));
  EXPECT_EQ(last_failure().domain, VIR_FROM_LXC);
}

TEST_F(LookupTest, EveryCallOnAStaleHandleSaysNoDomain) {
  const Domain stale = define(xml("stale"));
  ASSERT_TRUE(ok(virDomainUndefine(stale)));
  virDomainInfo info;
  int number = 0;
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainGetInfo(stale, &info)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainGetState(stale, &number, nullptr, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainGetXMLDesc(stale, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainGetAutostart(stale, &number)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainSetAutostart(stale, 1)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainGetOSType(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainIsActive(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainIsPersistent(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainIsUpdated(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainCreate(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainDestroy(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainShutdown(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainReboot(stale, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainSuspend(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainResume(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainUndefine(stale)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainGetMaxMemory(stale) == 0 ? -1 : 0));
}

}  // namespace
