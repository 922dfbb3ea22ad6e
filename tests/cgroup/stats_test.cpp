#include "cgroup/stats.hpp"

#include <gtest/gtest.h>

#include "cgroup/text.hpp"

namespace cgroup {
namespace {

TEST(Stats, V1) {
  UsageTexts texts;
  texts.cpuacct_usage = "1234567890\n";
  texts.cpuacct_stat = "user 70\nsystem 53\n";
  texts.memory_usage = "4096\n";
  texts.memory_limit = "8192\n";
  const Usage usage = parse_usage(texts, 100);
  EXPECT_EQ(usage.cpu_ns, 1234567890U);
  EXPECT_EQ(usage.cpu_user_ns, 700'000'000U);
  EXPECT_EQ(usage.cpu_system_ns, 530'000'000U);
  EXPECT_EQ(usage.memory_bytes, 4096U);
  EXPECT_EQ(usage.memory_limit_bytes, 8192U);
}

TEST(Stats, V2) {
  UsageTexts texts;
  texts.cpu_stat = "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 7\n";
  texts.memory_usage = "12288\n";
  texts.memory_limit = "max\n";
  const Usage usage = parse_usage(texts, 100);
  EXPECT_EQ(usage.cpu_ns, 5'000'000U);
  EXPECT_EQ(usage.cpu_user_ns, 3'000'000U);
  EXPECT_EQ(usage.cpu_system_ns, 2'000'000U);
  EXPECT_EQ(usage.memory_bytes, 12288U);
  EXPECT_EQ(usage.memory_limit_bytes, std::nullopt);
}

TEST(Stats, V1UnlimitedIsAbsent) {
  UsageTexts texts;
  texts.memory_limit = "9223372036854771712\n";
  EXPECT_EQ(parse_usage(texts, 100).memory_limit_bytes, std::nullopt);
}

TEST(Stats, NothingToRead) {
  const Usage usage = parse_usage({}, 100);
  EXPECT_EQ(usage.cpu_ns, 0U);
  EXPECT_EQ(usage.memory_limit_bytes, std::nullopt);
}

TEST(Text, ValueOfMatchesWholeKeys) {
  EXPECT_EQ(value_of("user_usec 1\nuser 2\n", "user"), 2U);
  EXPECT_EQ(value_of("frozen\nfrozen x\nfrozen 1\n", "frozen"), std::nullopt) << "the first line with the key counts";
  EXPECT_EQ(value_of("", "user"), std::nullopt);
}

TEST(Text, NumbersEndWhereDigitsEnd) {
  EXPECT_EQ(parse_number("12\n"), 12U);
  EXPECT_EQ(parse_number("max"), std::nullopt);
  EXPECT_EQ(parse_number("-1"), std::nullopt);
  EXPECT_EQ(parse_number("99999999999999999999"), std::nullopt);
}

TEST(Text, SplitAndTrim) {
  EXPECT_EQ(split("/a//b/", "/"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split("", "/").empty());
  EXPECT_EQ(trim(" \t0-3\n"), "0-3");
  EXPECT_EQ(trim("\n"), "");
}

}  // namespace
}  // namespace cgroup
