#include "netlink/name_pool.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace netlink {
namespace {

TEST(NamePool, CountsUp) {
  unsigned counter = 0;
  EXPECT_EQ(next_link_name("vnet", {}, counter), "vnet0");
  EXPECT_EQ(next_link_name("vnet", {}, counter), "vnet1");
  EXPECT_EQ(counter, 2U);
}

TEST(NamePool, SkipsNamesInUse) {
  unsigned counter = 3;
  EXPECT_EQ(next_link_name("vnet", {"lo", "vnet4", "vnet3", "vnet6", "vnet30"}, counter), "vnet5");
  EXPECT_EQ(counter, 6U);
}

TEST(NamePool, StartsAgainWhenTheNumberNoLongerFits) {
  unsigned counter = 100;
  EXPECT_EQ(next_link_name("thirteen-long", {"thirteen-long0"}, counter), "thirteen-long1");
  counter = ~0U;
  EXPECT_EQ(next_link_name("vnet", {}, counter), "vnet4294967295");
  EXPECT_EQ(next_link_name("vnet", {}, counter), "vnet0");
}

TEST(NamePool, SaysWhenNothingIsFree) {
  unsigned counter = 0;
  std::vector<std::string> all;
  for (int i = 0; i < 10; ++i) all.push_back("fourteen-long-" + std::to_string(i));
  EXPECT_THROW(next_link_name("fourteen-long-", all, counter), base::Error);
  EXPECT_THROW(next_link_name("fifteen-letters", {}, counter), base::Error);
}

}  // namespace
}  // namespace netlink
