// Which host ids an automatic id map gets.
#include "driver/id_maps.hpp"

#include <gtest/gtest.h>

namespace {

using driver::id_sources;
using driver::IdRange;
using driver::parse_subids;
using driver::Subids;
using Ranges = driver::IdRanges;

std::optional<std::uint32_t> choose_ids(const Ranges& uids, const Ranges& gids, const Ranges& taken,
                                        std::uint32_t count) {
  return driver::choose_ids({uids, gids, taken}, count);
}

TEST(Subids, TheUsersByNameOrNumber) {
  const char* text =
      "joe:100000:65536\nroot:200000:1000\n\n# comment\nroot:300000\n0:400000:10\nroot:x:10\nroot:1:0\nrooty:7:7\n"
      "root:4294967290:100";
  EXPECT_EQ(parse_subids(text, "root", 0),
            (Subids{{{200000, 1000}, {400000, 10}, {4294967290, 5}}, {{100000, 65536}, {7, 7}}}));
  EXPECT_EQ(parse_subids(text, "joe", 1000).own, (Ranges{{100000, 65536}}));
  EXPECT_EQ(parse_subids("", "joe", 1000), Subids{});
}

TEST(Subids, WhoHasNoneGetsWhatIsKeptForContainersAndNobodyElseHas) {
  const Subids nobody, joes{{}, {{524288, 65536}}};
  EXPECT_EQ(driver::choose_ids(id_sources(nobody, nobody), 65536), 524288U);
  EXPECT_EQ(driver::choose_ids(id_sources(joes, nobody), 65536), 524288U + 65536);
  EXPECT_EQ(driver::choose_ids(id_sources(nobody, joes), 65536), 524288U + 65536);
  const Subids own{{{100000, 65536}}, {}};
  EXPECT_EQ(driver::choose_ids(id_sources(own, own), 65536), 100000U);
  EXPECT_EQ(driver::choose_ids(id_sources(own, nobody), 65536), std::nullopt) << "one file gives them, the other not";
}

TEST(ChooseIds, LowestFreeInBothFiles) {
  const Ranges uids = {{100000, 100000}, {500000, 1000}}, gids = {{110000, 100000}};
  EXPECT_EQ(choose_ids(uids, gids, {}, 1000), 110000U);
  EXPECT_EQ(choose_ids(uids, gids, {{110000, 1000}}, 1000), 111000U);
  EXPECT_EQ(choose_ids(uids, gids, {{110500, 1}, {112000, 1}}, 1000), 110501U);
  EXPECT_EQ(choose_ids(uids, gids, {{100000, 100000}}, 1000), std::nullopt);
  EXPECT_EQ(choose_ids(uids, gids, {}, 90001), std::nullopt) << "no more than 90000 lie in both";
  EXPECT_EQ(choose_ids(uids, gids, {}, 90000), 110000U);
  EXPECT_EQ(choose_ids({}, gids, {}, 1), std::nullopt);
  EXPECT_EQ(choose_ids(uids, {{0, 4294967295}}, {{100000, 100000}}, 1000), 500000U);
}

TEST(ChooseIds, HundredsOfContainersShareNothing) {
  const Ranges all = {{100000, 65536 * 200}};
  Ranges used;
  for (int i = 0; i < 200; ++i) {
    const auto start = choose_ids(all, all, used, 65536);
    ASSERT_TRUE(start) << i;
    for (const auto& range : used) EXPECT_FALSE(range.overlaps({*start, 65536}));
    used.push_back({*start, 65536});
  }
  EXPECT_EQ(choose_ids(all, all, used, 65536), std::nullopt);
}

}  // namespace
