#include "container/mount_table.hpp"

#include <gtest/gtest.h>

namespace {

using container::MountEntry;
using container::MountTable;

const char* const kText =
    "40 2 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    "41 40 0:22 / /proc rw shared:5 master:1 - proc proc rw\n"
    "50 40 8:2 /srv/a\\040b /data rw - ext4 /dev/sda2 rw\n"
    "51 50 0:30 / /data/with\\134it rw - tmpfs tmpfs rw\n"
    "53 51 0:32 / /data/with\\134it/deep rw - tmpfs tmpfs rw\n"
    "52 50 0:31 / /data/other rw - tmpfs tmpfs rw\n"
    "no line\n";

TEST(MountTable, HasPathsAsTheyAre) {
  const MountTable table = container::parse_mount_table(kText);
  ASSERT_EQ(table.size(), 6u);
  EXPECT_EQ(table[1], (MountEntry{41, 40, "/proc"}));
  EXPECT_EQ(table[3].path, "/data/with\\it");
}

TEST(MountTable, WhatLiesBelowAMountComesBeforeIt) {
  const MountTable found = container::innermost_first(container::parse_mount_table(kText), 50);
  std::vector<int> ids;
  for (const auto& entry : found) ids.push_back(entry.id);
  EXPECT_EQ(ids, (std::vector<int>{53, 52, 51, 50}));
  EXPECT_TRUE(container::innermost_first(container::parse_mount_table(kText), 99).empty());
}

/// The first mount of all is its own parent.
TEST(MountTable, AMountThatIsItsOwnParentEndsTheSearch) {
  EXPECT_EQ(container::innermost_first({{1, 1, "/"}, {2, 1, "/a"}}, 1).size(), 2u);
}

}  // namespace
