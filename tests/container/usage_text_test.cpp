#include "container/usage_text.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

namespace container {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

template <typename Write>
std::string text_of(Write&& write) {
  std::string buffer(1 << 16, '\0');
  TextWindow window(buffer.data(), buffer.size(), 0);
  write(window);
  buffer.resize(window.size());
  return buffer;
}

std::vector<std::uint64_t> cpus_of(std::string_view list) {
  CpuList cpus(list);
  std::vector<std::uint64_t> found;
  for (std::uint64_t cpu = 0; cpus.next(cpu);) found.push_back(cpu);
  return found;
}

std::string averages(const LoadAverage& load, const TaskCount& tasks = {}) {
  return text_of([&](TextWindow& out) { write_loadavg(out, load, tasks); });
}

TEST(UsageText, ListsOfCpusAreWalkedInOrder) {
  EXPECT_THAT(cpus_of("0-3,8\n"), testing::ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(cpus_of("5"), testing::ElementsAre(5));
  EXPECT_THAT(cpus_of(""), testing::IsEmpty());
  EXPECT_THAT(cpus_of("x"), testing::IsEmpty());
  EXPECT_THAT(cpus_of("1-"), testing::ElementsAre(1));
  EXPECT_EQ(cpus_of("0-99999999999999999999").size(), 8192U) << "no machine has more";
  EXPECT_EQ(count_cpus("0-3,8"), 5U);
}

TEST(UsageText, V1CountsEachCpu) {
  std::uint64_t cpu = 0;
  CpuUse use;
  EXPECT_FALSE(take_cpu_line("cpu user system\n", cpu, use));
  ASSERT_TRUE(take_cpu_line("3 1230000000 45000000\n", cpu, use));
  EXPECT_EQ(cpu, 3U);
  EXPECT_EQ(text_of([&](TextWindow& out) { write_cpu(out, cpu, use, 10 * kSecond); }),
            "cpu3 123 0 4 872 0 0 0 0 0 0\n");
  EXPECT_EQ(text_of([&](TextWindow& out) { write_cpu_total(out, use, 7 * kSecond); }),
            "cpu  123 0 4 700 0 0 0 0 0 0\n");
  EXPECT_EQ(idle_of(use, kSecond), 0U) << "a clock that lags behind makes no negative time";
}

TEST(UsageText, V2HasATotalThatIsSharedOut) {
  const CpuUse total =
      parse_cpu_stat("usage_usec 3000001\nuser_usec 2000000\nsystem_usec 1000001\nnice_usec 7\nnr_periods 0\n");
  EXPECT_EQ(total.user, 2 * kSecond);
  EXPECT_EQ(total.system, kSecond + 1000);
  CpuUse sum;
  for (std::uint64_t i = 0; i < 3; i++) {
    const CpuUse one = share_of(total, 3, i);
    EXPECT_NEAR(static_cast<double>(one.user), 2e9 / 3, 1);
    sum.user += one.user, sum.system += one.system;
  }
  EXPECT_EQ(sum.user, total.user);
  EXPECT_EQ(sum.system, total.system);
  EXPECT_EQ(share_of(total, 0, 0).user, 0U);
  EXPECT_EQ(parse_cpu_stat("").user, 0U);
}

TEST(UsageText, UptimeIsInHundredths) {
  EXPECT_EQ(text_of([](TextWindow& out) { write_uptime(out, 3661 * kSecond + 54'999'999, 7 * kSecond / 2); }),
            "3661.05 3.50\n");
}

TEST(UsageText, TheRestOfStatSaysNothingOfTheHost) {
  const TaskCount tasks{.running = 2, .blocked = 1, .total = 9, .newest = 77};
  EXPECT_EQ(text_of([&](TextWindow& out) { write_stat_rest(out, 1700000000, tasks); }),
            "intr 0\nctxt 0\nbtime 1700000000\nprocesses 77\nprocs_running 2\nprocs_blocked 1\n"
            "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

/// As the kernel has it: after a minute at load 1, 1-1/e of it.
TEST(UsageText, LoadApproachesWhatRuns) {
  LoadAverage load;
  for (std::uint64_t second = 5; second <= 60; second += 5) load.add(second * kSecond, second * kSecond, 1);
  for (int i = 0; i < 3; i++) {
    const double minutes[] = {1, 5, 15};
    EXPECT_NEAR(static_cast<double>(load.minutes(i)) / LoadAverage::kOne, 1 - std::exp(-1 / minutes[i]), 0.001) << i;
  }
  EXPECT_EQ(averages(load), "0.63 0.18 0.06 0/0 0\n");
  for (std::uint64_t second = 65; second <= 36000; second += 5) load.add(second * kSecond, second * kSecond, 3);
  EXPECT_EQ(averages(load, {.running = 3, .blocked = 0, .total = 12, .newest = 40}), "3.00 3.00 3.00 3/12 40\n");
}

TEST(UsageText, HowOftenLoadIsReadMakesNoDifferenceToWhatWasUsed) {
  LoadAverage often, seldom;
  for (std::uint64_t second = 1; second <= 600; second++) often.add(second * kSecond, 2 * second * kSecond, 0);
  seldom.add(600 * kSecond, 1200 * kSecond, 0);
  for (int i = 0; i < 3; i++)
    EXPECT_NEAR(static_cast<double>(often.minutes(i)), static_cast<double>(seldom.minutes(i)), LoadAverage::kOne / 500.)
        << i;
  EXPECT_EQ(averages(seldom).substr(0, 5), "2.00 ");
}

TEST(UsageText, WhatRunsAtTheMomentCountsForAMinuteAtMost) {
  LoadAverage load;
  load.add(3600 * kSecond, 0, 4);
  EXPECT_NEAR(static_cast<double>(load.minutes(0)) / LoadAverage::kOne, 4 * (1 - std::exp(-1)), 0.01);
  EXPECT_NEAR(static_cast<double>(load.minutes(2)) / LoadAverage::kOne, 4 * (1 - std::exp(-1. / 15)), 0.01);
  EXPECT_FALSE(load.is_due(3604 * kSecond));
  load.add(3604 * kSecond, 0, 100);
  EXPECT_NEAR(static_cast<double>(load.minutes(0)) / LoadAverage::kOne, 4 * (1 - std::exp(-1)), 0.01) << "not yet";
  load.add(3604 * kSecond + 10000 * kSecond, 0, 0);
  EXPECT_EQ(averages(load).substr(0, 15), "0.00 0.00 0.00 ");
}

TEST(UsageText, LoadStaysSaneWhateverItIsTold) {
  LoadAverage load;
  load.add(kNoLimit, kNoLimit, kNoLimit);
  load.add(0, 0, 0);
  EXPECT_LE(load.minutes(0), 2048 * LoadAverage::kOne);
}

const char* const kHostDisk = " 254       0 vda 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26\n";

std::string disk(const DiskTexts& texts, const char* host = kHostDisk) {
  return text_of([&](TextWindow& out) { write_disk(out, host, texts); });
}

TEST(UsageText, DisksShowWhatTheContainerDid) {
  const char* const expected = " 254       0 vda 3 0 24 0 2 0 16 0 0 0 0 1 0 8 0 0 0\n";
  EXPECT_EQ(disk({2,
                  "8:0 rbytes=1 wbytes=1 rios=1 wios=1\n"
                  "254:0 rbytes=12288 wbytes=8192 rios=3 wios=2 dbytes=4096 dios=1\n"
                  "254:01 rbytes=\n",
                  ""}),
            expected);
  EXPECT_EQ(disk({1, "254:0 Read 12288\n254:0 Write 8192\n254:0 Sync 7\n254:0 Discard 4096\n254:0 Total 5\nTotal 9\n",
                  "254:0 Read 3\n254:0 Write 2\n254:0 Async 7\n254:0 Discard 1\n8:0 Read 9\n"}),
            expected);
}

TEST(UsageText, DisksItHasNotUsedAreNotThere) {
  EXPECT_EQ(disk({2, "254:1 rbytes=12288 rios=3\n", ""}), "");
  EXPECT_EQ(disk({2, "254:0 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n", ""}), "");
  EXPECT_EQ(disk({1, "", ""}), "");
  EXPECT_EQ(disk({2, "254:0 rios=1\n", ""}, "nonsense\n"), "");
  EXPECT_EQ(disk({2, "254:0 rios=1\n", ""}, "254 0\n"), "254 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
}

}  // namespace
}  // namespace container
