#include "container/account.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/fd.hpp"

namespace container {
namespace {

using ::testing::ElementsAre;

base::Fd file(const std::string& text) {
  base::Fd fd(memfd_create("database", MFD_CLOEXEC));
  base::write_all(fd.get(), text.data(), text.size(), "database");
  return fd;
}

const std::string kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n"
    "broken\n"
    "noid:x::0::/:/bin/sh\n"
    "badgid:x:5:x::/:/bin/sh\n"
    "ada:x:1000:1001:Ada,,,:/home/ada:/bin/sh\n"
    "42:x:77:78::/:/bin/sh\n"
    "last:x:9:10::/:/bin/sh";  // no newline

TEST(Account, FindsNamesThenNumbers) {
  const base::Fd passwd = file(kPasswd);
  Account account;
  ASSERT_TRUE(find_account(passwd.get(), "ada", account));
  EXPECT_EQ(account.uid, 1000U);
  EXPECT_EQ(account.gid, 1001U);
  EXPECT_STREQ(account.name, "ada");
  ASSERT_TRUE(find_account(passwd.get(), "last", account));
  EXPECT_EQ(account.uid, 9U);
  ASSERT_TRUE(find_account(passwd.get(), "1000", account));
  EXPECT_STREQ(account.name, "ada");
  EXPECT_EQ(account.gid, 1001U);
  ASSERT_TRUE(find_account(passwd.get(), "42", account));  // somebody's name
  EXPECT_EQ(account.uid, 77U);
  ASSERT_TRUE(find_account(passwd.get(), "+42", account));
  EXPECT_EQ(account.uid, 42U);
  EXPECT_STREQ(account.name, "");
  EXPECT_EQ(account.gid, 0U);
}

TEST(Account, RefusesWhatIsNeither) {
  const base::Fd passwd = file(kPasswd);
  Account account;
  for (const char* spec : {"nobody", "broken", "noid", "badgid", "ad", "adaa", "", "+", "+ada", "-1", "4294967295",
                           "99999999999999999999"}) {
    EXPECT_FALSE(find_account(passwd.get(), spec, account)) << spec;
  }
}

TEST(Account, NumbersNeedNoDatabase) {
  Account account;
  EXPECT_TRUE(find_account(-1, "33", account));
  EXPECT_EQ(account.uid, 33U);
  EXPECT_FALSE(find_account(-1, "ada", account));
  gid_t gid = 0;
  EXPECT_TRUE(find_group(-1, "44", gid));
  EXPECT_EQ(gid, 44U);
  EXPECT_FALSE(find_group(-1, "video", gid));
}

TEST(Account, SupplementaryGroupsAreThoseThatListTheUser) {
  const base::Fd group =
      file("root:x:0:\naudio:x:29:bob,ada\nvideo:x:44:adam,xada\nada:x:1001:ada\nempty:x:50\nlast:x:60:ada");
  gid_t groups[kMaxGroups];
  int count = list_groups(group.get(), "ada", 1001, groups);
  EXPECT_THAT(std::vector<gid_t>(groups, groups + count), ElementsAre(1001, 29, 60));
  count = list_groups(group.get(), "", 5, groups);
  EXPECT_THAT(std::vector<gid_t>(groups, groups + count), ElementsAre(5));
  gid_t gid = 0;
  EXPECT_TRUE(find_group(group.get(), "video", gid));
  EXPECT_EQ(gid, 44U);
}

TEST(Account, EndlessLinesAndManyGroupsAreBounded) {
  const base::Fd passwd = file("ada:x:1:1:" + std::string(100000, 'x') + "\nada:x:2:2::/:/bin/sh\n" +
                               std::string(20000, 'y') + "\nbob:x:3:3::/:/b\n" + std::string(20000, 'z'));
  Account account;
  ASSERT_TRUE(find_account(passwd.get(), "ada", account));
  EXPECT_EQ(account.uid, 2U);
  ASSERT_TRUE(find_account(passwd.get(), "bob", account));
  EXPECT_EQ(account.uid, 3U);
  std::string many;
  for (int i = 1; i < 1000; i++) many += "g" + std::to_string(i) + ":x:" + std::to_string(i) + ":ada\n";
  const base::Fd group = file(many);
  gid_t groups[kMaxGroups];
  EXPECT_EQ(list_groups(group.get(), "ada", 0, groups), kMaxGroups);
  gid_t gid = 0;
  EXPECT_TRUE(find_group(group.get(), "g999", gid));
}

TEST(Account, BinaryRubbishIsHarmless) {
  std::string rubbish;
  for (int i = 0; i < 50000; i++) rubbish += static_cast<char>(i * 7919 >> 3);
  const base::Fd fd = file(rubbish);
  Account account;
  EXPECT_FALSE(find_account(fd.get(), "ada", account));
  gid_t groups[kMaxGroups];
  EXPECT_EQ(list_groups(fd.get(), "ada", 0, groups), 1);
}

}  // namespace
}  // namespace container
