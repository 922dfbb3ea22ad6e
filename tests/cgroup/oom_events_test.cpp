#include "cgroup/oom_events.hpp"

#include <gtest/gtest.h>

#include "tree.hpp"

namespace cgroup {
namespace {

using cgroup_test::Tree;

TEST(OomEvents, V2CountsForEverythingBelow) {
  const Tree tree({{"memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n"}});
  EXPECT_EQ(count_oom_kills({2, tree.path()}), 2U);
  auto events = OomEvents::open({2, tree.path()});
  ASSERT_TRUE(events);
  EXPECT_FALSE(events->comes_early());
  tree.write("memory.events", "oom 4\noom_kill 5\n");
  EXPECT_EQ(events->take(), 5U);
}

TEST(OomEvents, V1IsAddedUp) {
  const Tree tree({{"memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"},
                   {"a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"},
                   {"a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"},
                   {"c/tasks", ""}});
  EXPECT_EQ(count_oom_kills({1, tree.path()}), 7U);
}

TEST(OomEvents, NothingToCountIsNothing) {
  const Tree tree({{"cgroup.procs", ""}});
  for (const int version : {1, 2}) {
    EXPECT_EQ(count_oom_kills({version, tree.path()}), std::nullopt);
    EXPECT_FALSE(OomEvents::open({version, tree.path()}));
    EXPECT_EQ(count_oom_kills({version, tree.path("gone")}), std::nullopt);
    EXPECT_FALSE(OomEvents::open({version, tree.path("gone")}));
  }
}

}  // namespace
}  // namespace cgroup
