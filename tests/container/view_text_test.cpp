#include "container/view_text.hpp"

#include <gmock/gmock.h>

#include <random>
#include <string>

namespace container {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kMib = 1024 * 1024;

const char* kHostMeminfo =
    "MemTotal:       24684084 kB\n"
    "MemFree:        19453588 kB\n"
    "MemAvailable:   21614060 kB\n"
    "Buffers:            7560 kB\n"
    "Cached:          2159068 kB\n"
    "Active:          1075592 kB\n"
    "Inactive(file):  1083988 kB\n"
    "Mlocked:           14748 kB\n"
    "SwapTotal:       1048576 kB\n"
    "SwapFree:        1000000 kB\n"
    "Slab:             363940 kB\n"
    "SReclaimable:     321172 kB\n"
    "VmallocTotal:   34359738367 kB\n"
    "HugePages_Total:       3\n"
    "DirectMap1G:    25165824 kB\n";
const char* kHostSwaps = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sdb2 partition\t1048572\t48576\t-2\n";

template <typename Write>
std::string whole(Write&& write, std::size_t capacity = 1 << 20, std::uint64_t offset = 0) {
  std::string buffer(capacity, '\0');
  TextWindow window(buffer.data(), capacity, offset);
  write(window);
  buffer.resize(window.size());
  return buffer;
}
std::string meminfo(const MemoryFigures& figures, const std::string& host = kHostMeminfo) {
  return whole([&](TextWindow& out) { write_meminfo(out, host, figures); });
}
std::string swaps(const MemoryFigures& figures, const std::string& host_meminfo = kHostMeminfo) {
  return whole([&](TextWindow& out) { write_swaps(out, kHostSwaps, host_meminfo, figures); });
}
std::string cpuinfo(const std::string& host, const std::string& cpus, std::size_t piece = 4096) {
  return whole([&](TextWindow& out) {
    CpuinfoFilter filter(out, cpus);
    for (std::size_t at = 0; at < host.size(); at += piece) filter.add(std::string_view(host).substr(at, piece));
    filter.finish();
  });
}

MemoryFigures limited() {
  MemoryFigures figures;
  figures.known = figures.swap_known = true;
  figures.limit = 64 * kMib;
  figures.usage = 24 * kMib;
  figures.swap_limit = 32 * kMib;
  figures.swap_usage = 2 * kMib;
  take_memory_stat(figures, 2,
                   "anon 4194304\nfile 8388608\nactive_anon 1048576\nactive_file 2097152\ninactive_file 4194304\n"
                   "slab_reclaimable 1048576\nslab_unreclaimable 2097152\nunevictable 4096\n");
  return figures;
}

TEST(ViewText, MeminfoIsTheContainers) {
  EXPECT_EQ(meminfo(limited()),
            "MemTotal:          65536 kB\n"
            "MemFree:           40960 kB\n"
            "MemAvailable:      48128 kB\n"  // with what could be taken back: 2 + 4 + 1 MiB
            "Buffers:               0 kB\n"
            "Cached:             8192 kB\n"
            "Active:             3072 kB\n"
            "Inactive(file):     4096 kB\n"
            "Mlocked:               4 kB\n"
            "SwapTotal:         32768 kB\n"
            "SwapFree:          30720 kB\n"
            "Slab:               3072 kB\n"
            "SReclaimable:       1024 kB\n"
            "VmallocTotal:   34359738367 kB\n"
            "HugePages_Total:       3\n"
            "DirectMap1G:    25165824 kB\n");
}

TEST(ViewText, LimitsOfV1AreReadFromItsStat) {
  const char* stat =
      "cache 1\nrss 1\nhierarchical_memory_limit 67108864\nhierarchical_memsw_limit 100663296\n"
      "total_cache 8388608\ntotal_rss 4194304\ntotal_active_anon 1048576\ntotal_active_file 2097152\n";
  MemoryFigures figures;
  figures.known = true;
  figures.usage = 24 * kMib;
  figures.limit = stat_value(stat, "hierarchical_memory_limit");
  take_memory_stat(figures, 1, stat);
  take_swap_v1(figures, stat_value(stat, "hierarchical_memsw_limit"), 26 * kMib);
  const std::string text = meminfo(figures);
  EXPECT_THAT(text, HasSubstr("MemTotal:          65536 kB\n"));
  EXPECT_THAT(text, HasSubstr("Cached:             8192 kB\n"));
  EXPECT_THAT(text, HasSubstr("Active:             3072 kB\n"));
  EXPECT_THAT(text, HasSubstr("SwapTotal:         32768 kB\n"));
  EXPECT_THAT(text, HasSubstr("SwapFree:          30720 kB\n"));
  EXPECT_THAT(text, HasSubstr("Slab:                  0 kB\n"));
  take_swap_v1(figures, 9223372036854771712U, 26 * kMib);
  EXPECT_EQ(figures.swap_limit, kNoLimit);
}

TEST(ViewText, TheHostIsTheUpperBound) {
  MemoryFigures figures = limited();
  figures.limit = figures.swap_limit = kNoLimit;
  EXPECT_THAT(meminfo(figures), HasSubstr("MemTotal:       24684084 kB\nMemFree:        24659508 kB\n"));
  EXPECT_THAT(meminfo(figures), HasSubstr("SwapTotal:       1048576 kB\nSwapFree:        1046528 kB\n"));
}

TEST(ViewText, WhatIsNotCountedIsTheHosts) {
  EXPECT_EQ(meminfo({}), kHostMeminfo);
  EXPECT_EQ(swaps({}), kHostSwaps);
  MemoryFigures figures = limited();
  figures.swap_known = false;
  EXPECT_THAT(meminfo(figures), HasSubstr("SwapTotal:       1048576 kB\nSwapFree:        1000000 kB\n"));
}

TEST(ViewText, UseAboveTheLimitLeavesNothing) {
  MemoryFigures figures = limited();
  figures.usage = 2 * figures.limit;
  figures.swap_usage = 2 * figures.swap_limit;
  EXPECT_THAT(meminfo(figures), HasSubstr("MemFree:               0 kB\n"));
  EXPECT_THAT(meminfo(figures), HasSubstr("SwapFree:              0 kB\n"));
  EXPECT_THAT(swaps(figures), HasSubstr("virtual\t\t32768\t\t32768\t\t0\n"));
  figures.stat[static_cast<std::size_t>(MemoryStat::ActiveFile)] = kNoLimit;
  EXPECT_THAT(meminfo(figures), HasSubstr("MemAvailable:      65536 kB\n")) << "sums do not wrap";
}

TEST(ViewText, SwapsAreOneLineOrNone) {
  const std::string heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  EXPECT_EQ(swaps(limited()), heading + "none" + std::string(36, ' ') + "virtual\t\t32768\t\t2048\t\t0\n");
  MemoryFigures figures = limited();
  figures.swap_limit = 0;
  EXPECT_EQ(swaps(figures), heading);
  figures.swap_limit = kNoLimit;
  EXPECT_EQ(swaps(figures, "SwapTotal: 0 kB\n"), heading) << "the host has none";
}

TEST(ViewText, AnyPartOfATextIsTheSame) {
  const std::string all = meminfo(limited());
  for (std::size_t offset = 0; offset <= all.size() + 3; offset++) {
    for (const std::size_t size : {1U, 7U, 64U}) {
      const std::string expected = offset < all.size() ? all.substr(offset, size) : "";
      const auto write = [](TextWindow& out) { write_meminfo(out, kHostMeminfo, limited()); };
      ASSERT_EQ(whole(write, size, offset), expected) << offset << " " << size;
    }
  }
  EXPECT_EQ(whole([](TextWindow& out) { write_meminfo(out, kHostMeminfo, limited()); }, 64, ~std::uint64_t{0}), "");
}

TEST(ViewText, LengthIsKnownWithoutABuffer) {
  TextWindow window(nullptr, 0, 0);
  write_meminfo(window, kHostMeminfo, limited());
  EXPECT_EQ(window.length(), meminfo(limited()).size());
  EXPECT_FALSE(window.full());
}

TEST(ViewText, LimitsOfControlFiles) {
  EXPECT_EQ(parse_limit("4096\n"), 4096U);
  EXPECT_EQ(parse_limit("max\n"), kNoLimit);
  EXPECT_EQ(parse_limit("-1\n"), kNoLimit);
  EXPECT_EQ(parse_limit(""), kNoLimit);
  EXPECT_EQ(parse_limit("99999999999999999999999\n"), kNoLimit);
  EXPECT_EQ(stat_value("anon 3\nanon_thp 5\n", "anon_thp"), 5U);
  EXPECT_EQ(stat_value("anon 3\n", "file"), kNoLimit);
  EXPECT_EQ(stat_value("anon", "anon"), kNoLimit);
}

TEST(ViewText, CpuLists) {
  const char* list = "0-1,4,8-11\n";
  for (const std::uint64_t cpu : {0, 1, 4, 8, 10, 11}) EXPECT_TRUE(list_has_cpu(list, cpu)) << cpu;
  for (const std::uint64_t cpu : {2, 3, 5, 7, 12}) EXPECT_FALSE(list_has_cpu(list, cpu)) << cpu;
  for (const char* other : {"", "\n", "x", "-", ",", "1-", "1-x", "1,,2x"})
    EXPECT_FALSE(list_has_cpu(other, 2)) << other;
}

const std::string kX86 = "processor\t: 0\nmodel name\t: A\nflags\t\t: " + std::string(2000, 'f') +
                         "\n\nprocessor\t: 1\nmodel name\t: B\n\nprocessor\t: 10\nmodel name\t: C\n\n";

TEST(ViewText, CpuinfoHasTheCpusOfTheSet) {
  EXPECT_EQ(cpuinfo(kX86, "1\n"), "processor\t: 1\nmodel name\t: B\n\n");
  EXPECT_EQ(cpuinfo(kX86, "1,10"), kX86.substr(kX86.find("processor\t: 1\n")));
  EXPECT_EQ(cpuinfo(kX86, "0-127"), kX86);
  EXPECT_EQ(cpuinfo(kX86, ""), kX86) << "no cpuset";
  EXPECT_EQ(cpuinfo(kX86, "77"), "");
}

TEST(ViewText, CpuinfoComesInAnyPieces) {
  for (const std::size_t piece : {1U, 2U, 9U, 31U, 32U, 33U, 1000U})
    EXPECT_EQ(cpuinfo(kX86, "1", piece), "processor\t: 1\nmodel name\t: B\n\n") << piece;
}

TEST(ViewText, CpuinfoOfOtherProcessors) {
  const std::string s390 = "vendor_id : IBM\nprocessor 0: version = FF\nprocessor 1: version = FE\n\ncpu number : 0\n";
  EXPECT_EQ(cpuinfo(s390, "1"), "vendor_id : IBM\nprocessor 1: version = FE\n\ncpu number : 0\n");
  const std::string power = "processor\t: 0\ncpu\t: P\n\nprocessor\t: 1\ncpu\t: P\n\ntimebase\t: 512\n";
  EXPECT_EQ(cpuinfo(power, "0"), "processor\t: 0\ncpu\t: P\n\ntimebase\t: 512\n");
  EXPECT_EQ(cpuinfo("processor", "0"), "processor") << "an unfinished line";
}

TEST(ViewText, NonsenseGivesSomeText) {
  std::mt19937 random(7);
  const std::string letters = "MemTotal:SwapFree \n\t0123456789-,kBprocessor";
  for (int round = 0; round < 2000; round++) {
    std::string text(random() % 200, ' ');
    for (char& letter : text) letter = letters[random() % letters.size()];
    MemoryFigures figures = limited();
    take_memory_stat(figures, round % 2 + 1, text);
    EXPECT_LE(meminfo(figures, text).size(), text.size() + 40 * 20U);
    swaps(figures, text);
    cpuinfo(text, text, 1 + random() % 50);
    EXPECT_EQ(meminfo({}, text), text);
  }
}

}  // namespace
}  // namespace container
