#include "cgroup/scope_place.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace {

using cgroup::escape_unit_name;
using cgroup::place_scope;
using cgroup::ScopePlace;

TEST(ScopePlace, DefaultPartition) {
  EXPECT_EQ(place_scope("/machine"),
            (ScopePlace{"machine.slice", "machine-lxcell.scope", "/machine.slice/machine-lxcell.scope"}));
}

TEST(ScopePlace, EachPartIsASliceInTheOneBefore) {
  EXPECT_EQ(place_scope("/machine/web/blue"),
            (ScopePlace{"machine-web-blue.slice", "machine-web-blue-lxcell.scope",
                        "/machine.slice/machine-web.slice/machine-web-blue.slice/machine-web-blue-lxcell.scope"}));
}

TEST(ScopePlace, SlashesMoreOrLessMeanNothing) {
  EXPECT_EQ(place_scope("//machine///web/"), place_scope("/machine/web"));
}

TEST(ScopePlace, RootSlice) {
  EXPECT_EQ(place_scope("/"), (ScopePlace{"-.slice", "lxcell.scope", "/lxcell.scope"}));
}

TEST(ScopePlace, ADashInAPartIsNoNewLevel) {
  EXPECT_EQ(place_scope("/machine/a-b").slice, "machine-a\\x2db.slice");
  EXPECT_EQ(place_scope("/machine/a-b").path, "/machine.slice/machine-a\\x2db.slice/machine-a\\x2db-lxcell.scope");
  EXPECT_NE(place_scope("/machine/a-b"), place_scope("/machine/a/b"));
}

TEST(ScopePlace, ACgroupIsNotNamedLikeAKernelFile) {
  EXPECT_EQ(place_scope("/memory").path, "/_memory.slice/memory-lxcell.scope");
  EXPECT_EQ(place_scope("/_a").path, "/__a.slice/__a-lxcell.scope");
  EXPECT_EQ(place_scope("/machine/cpu").path, "/machine.slice/machine-cpu.slice/machine-cpu-lxcell.scope");
  EXPECT_EQ(place_scope("/freezer").path, "/freezer.slice/freezer-lxcell.scope") << "systemd knows it not";
}

TEST(ScopePlace, BadPartitions) {
  EXPECT_THROW(place_scope("/machine/../system"), base::Error);
  EXPECT_THROW(place_scope("/machine/."), base::Error);
  EXPECT_THROW(place_scope("/" + std::string(250, 'x')), base::Error);
  EXPECT_NO_THROW(place_scope("/" + std::string(200, 'x')));
}

// What systemd-escape(1) prints for the same words.
TEST(EscapeUnitName, AsSystemdEscape) {
  EXPECT_EQ(escape_unit_name("web"), "web");
  EXPECT_EQ(escape_unit_name("a_b:c.d9Z"), "a_b:c.d9Z");
  EXPECT_EQ(escape_unit_name(".hidden"), "\\x2ehidden");
  EXPECT_EQ(escape_unit_name("a b!"), "a\\x20b\\x21");
  EXPECT_EQ(escape_unit_name("back\\slash"), "back\\x5cslash");
  EXPECT_EQ(escape_unit_name("\xc3\xa9"), "\\xc3\\xa9");
}

}  // namespace
