// The host's figures from a tree of literal files.
#include "container/node_stats.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "container/ksm.hpp"
#include "container/smbios.hpp"

namespace container {
namespace {

namespace fs = std::filesystem;

class NodeStats : public testing::Test {
 protected:
  NodeStats() {
    char name[] = "/tmp/container-node-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~NodeStats() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(NodeStats, CpuTimes) {
  put("/proc/stat", "cpu  1 2 4 8 16 32 64 0\ncpu0 1 0 0 0 0 0 0 0\ncpu10 0 0 0 5 0 0 0 0\nintr 1\n");
  const std::uint64_t tick = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(read_cpu_times(-1, root_), (CpuTimes{100 * tick, 3 * tick, 8 * tick, 16 * tick}));
  EXPECT_EQ(read_cpu_times(10, root_)->idle_ns, 5 * tick);
  EXPECT_EQ(read_cpu_times(1, root_), std::nullopt);
}

TEST_F(NodeStats, MemoryOfCellsAndOfAHostWithoutThem) {
  put("/proc/meminfo", "MemTotal:  1000 kB\nMemFree:  600 kB\nBuffers: 10 kB\nCached: 20 kB\nSwapCached: 7 kB\n");
  EXPECT_EQ(read_node_memory(-1, root_), (NodeMemory{1000, 600, 10, 20}));
  EXPECT_EQ(read_node_memory(0, root_), (NodeMemory{1000, 600, {}, {}}));
  EXPECT_EQ(read_node_memory(1, root_), std::nullopt);
  put("/sys/devices/system/node/online", "0,2\n");
  put("/sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 500 kB\nNode 2 MemFree: 300 kB\n");
  EXPECT_THAT(read_cells(root_), testing::ElementsAre(0U, 2U));
  EXPECT_EQ(read_node_memory(2, root_), (NodeMemory{500, 300, {}, {}}));
  EXPECT_EQ(read_node_memory(1, root_), std::nullopt);
}

TEST_F(NodeStats, CpuMapHasHoles) {
  put("/sys/devices/system/cpu/present", "0-3\n");
  put("/sys/devices/system/cpu/online", "0,3\n");
  EXPECT_THAT(read_cpu_map(root_).present, testing::ElementsAre(true, true, true, true));
  EXPECT_THAT(read_cpu_map(root_).online, testing::ElementsAre(true, false, false, true));
}

TEST_F(NodeStats, HugePages) {
  const std::string pages = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/";
  put("/sys/devices/system/node/online", "0\n");
  put(pages + "nr_hugepages", "3\n");
  put(pages + "free_hugepages", "2\n");
  EXPECT_EQ(read_free_pages(0, 2048, root_), 2U);
  EXPECT_THROW(read_free_pages(0, 1048576, root_), base::Error);
  EXPECT_THROW(read_free_pages(-1, 2048, root_), base::Error) << "not in the host's list";
  allocate_pages(0, 2048, 4, PageCount::Add, root_);
  std::uint64_t now = 0;
  std::ifstream(root_ + pages + "nr_hugepages") >> now;
  EXPECT_EQ(now, 7U);
}

TEST_F(NodeStats, KsmChangesAllOrNothing) {
  put("/pages_to_scan", "100\n");
  put("/pages_shared", "7\n");
  const Ksm before = read_ksm(root_);
  EXPECT_EQ(before.pages_to_scan, 100U);
  EXPECT_EQ(before.pages_shared, 7U);
  EXPECT_EQ(before.full_scans, std::nullopt);
  Ksm wanted;
  wanted.pages_to_scan = 200;
  wanted.merge_across_nodes = 1;  // there is no such file here
  EXPECT_THROW(change_ksm(wanted, root_), base::Error);
  EXPECT_EQ(read_ksm(root_).pages_to_scan, 100U);
}

TEST_F(NodeStats, SysinfoIsWhatTheFirmwareSays) {
  EXPECT_TRUE(read_smbios(root_).empty());
  put("/sys/class/dmi/id/bios_vendor", "A & B\n");
  put("/sys/class/dmi/id/product_name", "Machine\n");
  put("/sys/class/dmi/id/product_serial", "\n");
  EXPECT_EQ(domain_xml::format_host_sysinfo(read_smbios(root_)),
            "<sysinfo type='smbios'>\n  <bios>\n    <entry name='vendor'>A &amp; B</entry>\n  </bios>\n  <system>\n"
            "    <entry name='product'>Machine</entry>\n  </system>\n</sysinfo>\n");
}

}  // namespace
}  // namespace container
