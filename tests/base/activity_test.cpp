#include "base/activity.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <latch>
#include <thread>

#include "base/journal_sink.hpp"

namespace base {
namespace {

TEST(ActivityTest, IsSeenFromOtherThreadsUntilItEnds) {
  std::latch begun(1), seen(1);
  std::thread worker([&] {
    const Activity call("virDomainCreate", 7);
    const Activity within("not told");
    note_domain("web", Uuid::random());
    begun.count_down();
    seen.wait();
  });
  begun.wait();
  const auto all = activities();
  seen.count_down();
  worker.join();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_STREQ(all[0].call, "virDomainCreate");
  EXPECT_EQ(all[0].client, 7U);
  EXPECT_EQ(all[0].domain, "web");
  EXPECT_NE(all[0].thread, ::gettid());
  EXPECT_TRUE(activities().empty());
}

TEST(ActivityTest, TheNextOneKnowsNothingOfTheLast) {
  {
    const Activity call("virDomainDestroy", 1);
    note_domain("web", {});
  }
  note_domain("nobody asked", {});
  const Activity next("virDomainCreate");
  EXPECT_EQ(own_activity().domain, "");
  EXPECT_EQ(own_activity().client, 0U);
}

TEST(JournalFieldsTest, SayWhoseCallItWasAndWhichDomainItConcerned) {
  using log::journal_fields;
  Doing doing;
  EXPECT_EQ(journal_fields(4, "a line", "driver.domain", doing),
            (std::vector<std::string>{"MESSAGE=a line", "PRIORITY=4", "SYSLOG_IDENTIFIER=virtlxcelld",
                                      "LIBVIRT_SOURCE=driver.domain"}));
  doing.call = "virDomainCreate";
  doing.client = 12;
  doing.domain = "web";
  const auto fields = journal_fields(6, "two\nlines", "driver.domain", doing);
  for (const char* field : {"MESSAGE=two\nlines", "LXCELL_CALL=virDomainCreate", "LXCELL_CLIENT=12",
                            "LXCELL_DOMAIN=web", "LXCELL_UUID=00000000-0000-0000-0000-000000000000"})
    EXPECT_EQ(std::ranges::count(fields, field), 1) << field;
}

}  // namespace
}  // namespace base
