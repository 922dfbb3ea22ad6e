#include "container/guest_text.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <utmp.h>

#include <cstring>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/own_file_systems.hpp"

namespace container {
namespace {

TEST(OsRelease, QuotesAndComments) {
  const auto found =
      parse_os_release("# made by hand\nID=debian\nNAME=\"Debian \\\"GNU\\\"\"\nA='$x'\nnonsense\n=x\nB=");
  EXPECT_EQ(found.at("ID"), "debian");
  EXPECT_EQ(found.at("NAME"), "Debian \"GNU\"");
  EXPECT_EQ(found.at("A"), "$x");
  EXPECT_EQ(found.at("B"), "");
  EXPECT_FALSE(found.contains("nonsense"));
}

std::string record(short type, const char* user, int seconds) {
  utmp one{};
  one.ut_type = type;
  std::strncpy(one.ut_user, user, sizeof one.ut_user);
  one.ut_tv.tv_sec = seconds;
  one.ut_tv.tv_usec = 500000;
  return std::string(reinterpret_cast<const char*>(&one), sizeof one);
}

TEST(Utmp, EachUserOnceWithTheFirstLogin) {
  const std::string longest(sizeof(utmp::ut_user), 'x');
  const std::string text = record(BOOT_TIME, "reboot", 1) + record(USER_PROCESS, "root", 20) +
                           record(USER_PROCESS, "ada", 30) + record(USER_PROCESS, "root", 10) +
                           record(DEAD_PROCESS, "gone", 5) + record(USER_PROCESS, longest.c_str(), 1) + "cut short";
  EXPECT_EQ(parse_utmp(text), (std::vector<GuestUser>{{"root", 10500}, {"ada", 30500}, {longest, 1500}}));
  EXPECT_TRUE(parse_utmp("").empty());
}

// 2026-01-15 and 2026-07-15, both 12:00 UTC.
constexpr std::int64_t kWinter = 1768478400, kSummer = 1784116800;

TEST(ZoneRule, NorthSouthAndFixed) {
  EXPECT_EQ(parse_zone_rule("CET-1CEST,M3.5.0,M10.5.0/3", kWinter), (ZoneMoment{"CET", 3600}));
  EXPECT_EQ(parse_zone_rule("CET-1CEST,M3.5.0,M10.5.0/3", kSummer), (ZoneMoment{"CEST", 7200}));
  EXPECT_EQ(parse_zone_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", kWinter), (ZoneMoment{"AEDT", 39600}));
  EXPECT_EQ(parse_zone_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", kSummer), (ZoneMoment{"AEST", 36000}));
  EXPECT_EQ(parse_zone_rule("<+0545>-5:45", kSummer), (ZoneMoment{"+0545", 20700}));
  EXPECT_EQ(parse_zone_rule("UTC0", kSummer), (ZoneMoment{"UTC", 0}));
  EXPECT_EQ(parse_zone_rule("EST5EDT,J60/2,J300/2", kSummer), (ZoneMoment{"EDT", -14400}));
}

TEST(ZoneRule, TheSecondOfTheChange) {
  const std::int64_t begin = 1774746000;  // 2026-03-29 01:00 UTC
  EXPECT_EQ(parse_zone_rule("CET-1CEST,M3.5.0,M10.5.0/3", begin - 1)->name, "CET");
  EXPECT_EQ(parse_zone_rule("CET-1CEST,M3.5.0,M10.5.0/3", begin)->name, "CEST");
  const std::int64_t end = 1792890000;  // 2026-10-25 01:00 UTC
  EXPECT_EQ(parse_zone_rule("CET-1CEST,M3.5.0,M10.5.0/3", end - 1)->name, "CEST");
  EXPECT_EQ(parse_zone_rule("CET-1CEST,M3.5.0,M10.5.0/3", end)->name, "CET");
}

TEST(ZoneRule, NonsenseIsNone) {
  for (const char* text : {"", "C", "CET", "CET-1CEST", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M1.1.1",
                           "<CET-1", "CET-999", "CET-1CEST,M3.5.0,M10.5.0/3x"})
    EXPECT_EQ(parse_zone_rule(text, kWinter), std::nullopt) << text;
}

TEST(Zone, FilesOfTheHost) {
  const std::string berlin = "/usr/share/zoneinfo/Europe/Berlin";
  if (::access(berlin.c_str(), R_OK) != 0) GTEST_SKIP() << "this host has no time zones (package tzdata)";
  const std::string bytes = base::read_file(berlin);
  EXPECT_EQ(parse_zone(bytes, kWinter), (ZoneMoment{"CET", 3600}));
  EXPECT_EQ(parse_zone(bytes, kSummer), (ZoneMoment{"CEST", 7200}));
  EXPECT_EQ(parse_zone(bytes, kSummer + 20 * 365 * std::int64_t{86400})->offset, 7200) << "by the rule at its end";
  EXPECT_EQ(parse_zone(bytes, -3'000'000'000)->name, "LMT") << "before any rule";
  for (std::size_t size = 0; size < bytes.size(); size += 7) parse_zone(bytes.substr(0, size), kSummer);  // no crash
  EXPECT_EQ(parse_zone("TZif", kSummer), std::nullopt);
  EXPECT_EQ(parse_zone(std::string(44, '\xff'), kSummer), std::nullopt);
}

TEST(Mountinfo, WhatHasFilesOfItsOwn) {
  const auto mounts =
      file_systems_of(parse_mountinfo("20 1 254:1 /srv/box / rw,relatime shared:3 - ext4 /dev/vda1 rw\n"
                                      "21 20 0:5 / /proc rw - proc proc rw\n"
                                      "22 21 0:50 / /proc/meminfo rw - fuse lxcell rw\n"
                                      "23 20 0:31 / /dev/shm rw - tmpfs tmpfs rw\n"
                                      "24 20 0:32 / /mnt/with\\040space rw - tmpfs none rw\n"
                                      "25 20 0:33 / /srv rw - ext4 /dev/old rw\n"
                                      "26 20 0:34 / /srv rw master:7 propagate_from:2 - xfs /dev/new rw\n"
                                      "broken\n"));
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0], (GuestMount{"/dev/vda1", "/", "ext4", 254, 1, {}, {}}));
  EXPECT_EQ(mounts[1].mount_point, "/mnt/with space");
  EXPECT_EQ(mounts[2].source, "/dev/new") << "it covers the other";
}

TEST(OwnFileSystems, WhatIsMountedOnTheHostIsNotTheContainersAlone) {
  const GuestMount shared{"/dev/vda1", "/", "ext4", 254, 1, {}, {}}, own{"/dev/loop0", "/srv", "ext4", 7, 0, {}, {}},
      again{"/dev/loop0", "/srv/again", "ext4", 7, 0, {}, {}}, memory{"tmpfs", "/tmp", "tmpfs", 0, 44, {}, {}};
  const GuestMount on_host{"/dev/vda1", "/home", "ext4", 254, 1, {}, {}};
  const std::vector<GuestMount> inside = {shared, own, again, memory};
  EXPECT_EQ(choose_own(inside, {on_host}, {}), (std::vector<GuestMount>{own}));
  EXPECT_EQ(choose_own(inside, {on_host}, {"/srv/again"}), (std::vector<GuestMount>{again}));
  for (const char* path : {"/", "/tmp", "/nowhere"}) EXPECT_THROW(choose_own(inside, {on_host}, {path}), base::Error);
}

TEST(Shadow, OnlyThatLineChanges) {
  const char* const text = "daemon:*:1:0:99999:7:::\nroot:!:2:0:99999:7:::\nrooted:x:3::::::\n";
  EXPECT_EQ(with_password(text, "root", "$6$a", 20000),
            "daemon:*:1:0:99999:7:::\nroot:$6$a:20000:0:99999:7:::\nrooted:x:3::::::\n");
  EXPECT_EQ(with_password(text, "nobody", "$6$a", 20000), std::nullopt);
  EXPECT_EQ(with_password("root", "root", "$6$a", 1), std::nullopt) << "no line of shadow";
  EXPECT_EQ(with_password("", "", "$6$a", 1), std::nullopt);
}

}  // namespace
}  // namespace container
