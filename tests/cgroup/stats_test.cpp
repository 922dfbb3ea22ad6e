#include "cgroup/stats.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>

#include "cgroup/stat_reader.hpp"
#include "cgroup/text.hpp"
#include "tree.hpp"

namespace cgroup {
namespace {

/// The texts of some files, by name.
using Texts = std::map<std::string, std::string>;

constexpr Ask kEverything = static_cast<Ask>(~0U);

/// As a host would answer that has only version `version`.
Usage usage_from(int version, const Texts& texts, Ask asked = kEverything) {
  return read_usage(asked, [&](const StatFile& file) -> std::optional<std::string_view> {
    const auto found = texts.find(file.name);
    if (file.version != version || found == texts.end()) return std::nullopt;
    return found->second;
  });
}

TEST(Stats, CpuOfV1) {
  const Usage usage = usage_from(1, {{"cpuacct.usage", "1234567890\n"},
                                     {"cpuacct.stat", "user 70\nsystem 53\n"},
                                     {"cpuacct.usage_percpu", "1234567000 0 890 \n"}});
  const std::uint64_t tick = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(usage.cpu_ns, 1234567890U);
  EXPECT_EQ(usage.cpu_user_ns, 70 * tick);
  EXPECT_EQ(usage.cpu_system_ns, 53 * tick);
  EXPECT_THAT(*usage.per_cpu_ns, testing::ElementsAre(1234567000U, 0U, 890U));
}

TEST(Stats, CpuOfV2) {
  const Usage usage =
      usage_from(2, {{"cpu.stat", "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 7\n"}});
  EXPECT_EQ(usage.cpu_ns, 5'000'000U);
  EXPECT_EQ(usage.cpu_user_ns, 3'000'000U);
  EXPECT_EQ(usage.cpu_system_ns, 2'000'000U);
  EXPECT_EQ(usage.per_cpu_ns, std::nullopt);
}

TEST(Stats, MemoryOfV1CountsTheGroupsBelow) {
  const Usage usage = usage_from(1, {{"memory.usage_in_bytes", "4096\n"},
                                     {"memory.stat",
                                      "cache 1\nrss 2\npgfault 3\npgmajfault 4\nhierarchical_memory_limit 8192\n"
                                      "total_cache 100\ntotal_rss 200\ntotal_swap 300\ntotal_pgfault 400\n"
                                      "total_pgmajfault 50\ntotal_inactive_file 60\n"},
                                     {"payload/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"}});
  EXPECT_EQ(usage.memory_bytes, 4096U);
  EXPECT_EQ(usage.memory_limit_bytes, 8192U);
  EXPECT_EQ(usage.page_cache_bytes, 100U);
  EXPECT_EQ(usage.swap_bytes, 300U);
  EXPECT_EQ(usage.page_faults, 400U);
  EXPECT_EQ(usage.major_page_faults, 50U);
  EXPECT_EQ(usage.inactive_file_bytes, 60U);
  EXPECT_EQ(usage.oom_kills, 7U);
}

TEST(Stats, MemoryOfV2) {
  const Usage usage =
      usage_from(2, {{"memory.current", "12288\n"},
                     {"memory.max", "65536\n"},
                     {"memory.swap.current", "300\n"},
                     {"memory.stat", "anon 200\nfile 100\ninactive_file 60\npgfault 400\npgmajfault 50\n"},
                     {"memory.events", "low 0\nhigh 1\nmax 9\noom 8\noom_kill 7\noom_group_kill 0\n"}});
  EXPECT_EQ(usage.memory_bytes, 12288U);
  EXPECT_EQ(usage.memory_limit_bytes, 65536U);
  EXPECT_EQ(usage.page_cache_bytes, 100U);
  EXPECT_EQ(usage.swap_bytes, 300U);
  EXPECT_EQ(usage.page_faults, 400U);
  EXPECT_EQ(usage.major_page_faults, 50U);
  EXPECT_EQ(usage.inactive_file_bytes, 60U);
  EXPECT_EQ(usage.oom_kills, 7U);
}

TEST(Stats, UnlimitedMemoryIsAbsent) {
  EXPECT_EQ(usage_from(1, {{"memory.stat", "hierarchical_memory_limit 9223372036854771712\n"}}).memory_limit_bytes,
            std::nullopt);
  EXPECT_EQ(usage_from(2, {{"memory.max", "max\n"}}).memory_limit_bytes, std::nullopt);
}

TEST(Stats, BlocksOfV1) {
  const Usage usage = usage_from(1, {{"blkio.throttle.io_service_bytes_recursive",
                                      "8:0 Read 4096\n8:0 Write 512\n8:0 Sync 4608\n8:0 Async 0\n8:0 Discard 9\n"
                                      "8:0 Total 4617\n254:16 Read 1\n254:16 Write 2\nTotal 4620\n"},
                                     {"blkio.throttle.io_serviced_recursive",
                                      "254:16 Read 3\n254:16 Write 4\n8:0 Read 10\n8:0 Write 20\nTotal 37\n"}});
  EXPECT_THAT(*usage.blocks,
              testing::ElementsAre(BlockUsage{8, 0, 10, 4096, 20, 512}, BlockUsage{254, 16, 3, 1, 4, 2}));
}

TEST(Stats, BlocksOfV2) {
  const Usage usage = usage_from(2, {{"io.stat",
                                      "8:0 rbytes=4096 wbytes=512 rios=10 wios=20 dbytes=9 dios=1\n7:3 \n"
                                      "254:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=5\n"}});
  EXPECT_THAT(*usage.blocks, testing::ElementsAre(BlockUsage{8, 0, 10, 4096, 20, 512}, BlockUsage{7, 3, 0, 0, 0, 0},
                                                  BlockUsage{254, 16, 3, 1, 4, 2}));
}

TEST(Stats, NoBlocksIsNotUnknownBlocks) {
  EXPECT_EQ(usage_from(1, {{"blkio.throttle.io_serviced_recursive", "Total 0\n"}}).blocks->size(), 0U);
  EXPECT_EQ(usage_from(2, {{"io.stat", ""}}).blocks->size(), 0U);
  EXPECT_EQ(usage_from(2, {}).blocks, std::nullopt);
}

TEST(Stats, PressureAndProcesses) {
  const Usage usage = usage_from(2, {{"cpu.pressure", "some avg10=12.34 avg60=5.00 avg300=0.56 total=789\n"},
                                     {"memory.pressure",
                                      "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
                                      "full avg10=99.99 avg60=0.10 avg300=0.01 total=18446744073709551615\n"},
                                     {"pids.current", "17\n"}});
  ASSERT_TRUE(usage.cpu_pressure && usage.memory_pressure);
  EXPECT_EQ(usage.cpu_pressure->some, (Pressure::Line{12.34, 5.0, 0.56, 789}));
  EXPECT_EQ(usage.cpu_pressure->full, std::nullopt) << "kernels before 5.13";
  EXPECT_EQ(usage.memory_pressure->full, (Pressure::Line{99.99, 0.1, 0.01, UINT64_MAX}));
  EXPECT_EQ(usage.block_pressure, std::nullopt);
  EXPECT_EQ(usage.processes, 17U);
}

TEST(Stats, OnlyWhatIsAskedIsRead) {
  std::set<std::string> read;
  read_usage(Ask::Cpu | Ask::Processes, [&](const StatFile& file) -> std::optional<std::string_view> {
    read.insert(file.name);
    return std::nullopt;
  });
  EXPECT_THAT(read, testing::ElementsAre("cpu.stat", "cpuacct.usage", "pids.current"));
}

TEST(Stats, NonsenseIsNoFigure) {
  for (const int version : {1, 2})
    for (const char* text :
         {"", "\n", "x", "some", "some avg10", ":", ": Read 5", "8", "8 Read 5", " ", "usage_usec\n", "\n\n"}) {
      Texts texts;
      for (const auto& file : stat_files()) texts[file.name] = text;
      const Usage usage = usage_from(version, texts, Ask::Blocks | Ask::MemoryDetails | Ask::CpuPressure);
      EXPECT_EQ(usage.blocks->size(), 0U) << text;
      EXPECT_EQ(usage.oom_kills, std::nullopt) << text;
      EXPECT_EQ(usage.page_faults, std::nullopt) << text;
      EXPECT_FALSE(usage.cpu_pressure && usage.cpu_pressure->full) << text;
    }
}

TEST(Stats, FilesAreKeptOnlyWhenAsked) {
  const cgroup_test::Tree tree = {{"one/cpu.stat", "usage_usec 1\n"}};
  const auto directory = Directory::open(tree.path("one"));
  StatReader reader;
  int opened = 0;
  const auto find = [&](const StatFile& file) {
    opened += file.version == 2;
    return file.version == 2 ? &*directory : nullptr;
  };
  for (int i = 0; i < 2; ++i) EXPECT_EQ(reader.read(Ask::Cpu, Keep::Closed, find).cpu_ns, 1000U);
  EXPECT_EQ(opened, 2);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(reader.read(Ask::Cpu, Keep::Open, find).cpu_ns, 1000U);
  EXPECT_EQ(opened, 3);
  tree.write("one/cpu.stat", "usage_usec 2\n");  // the same file with new content
  EXPECT_EQ(reader.read(Ask::Cpu, Keep::Closed, find).cpu_ns, 2000U) << "a kept file is read anew, by whomever";
  EXPECT_EQ(opened, 3);
  reader.close();
  EXPECT_EQ(reader.read(Ask::Cpu, Keep::Closed, find).cpu_ns, 2000U);
  EXPECT_EQ(opened, 4);
}

TEST(Stats, LongTextsAreReadToTheirEnd) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + ":0 rbytes=1 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n";
  const cgroup_test::Tree tree = {{"io.stat", text}};
  const auto directory = Directory::open(tree.path());
  StatReader reader;
  const Usage usage = reader.read(Ask::Blocks, Keep::Closed,
                                  [&](const StatFile& file) { return file.version == 2 ? &*directory : nullptr; });
  EXPECT_EQ(usage.blocks->size(), 1000U);
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
