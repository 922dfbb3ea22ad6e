#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "container/host_facts.hpp"
#include "container/host_topology.hpp"

namespace container {
namespace {

namespace fs = std::filesystem;

class HostTree : public testing::Test {
 protected:
  HostTree() {
    char name[] = "/tmp/container-host-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~HostTree() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ + path).substr(0, (root_ + path).rfind('/')));
    std::ofstream(root_ + path) << text;
  }
  void put_cpu(unsigned id, unsigned socket, unsigned core, const std::string& siblings) {
    const std::string directory = "/sys/devices/system/cpu/cpu" + std::to_string(id) + "/topology/";
    put(directory + "physical_package_id", std::to_string(socket) + "\n");
    put(directory + "die_id", "0\n");
    put(directory + "core_id", std::to_string(core) + "\n");
    put(directory + "thread_siblings_list", siblings + "\n");
  }

  std::string root_;
};

TEST_F(HostTree, TwoCellsOfTwoThreads) {
  put("/sys/devices/system/cpu/online", "0-3\n");
  put("/sys/devices/system/cpu/present", "0-3\n");
  for (unsigned id = 0; id < 4; ++id) put_cpu(id, id / 2, 0, id < 2 ? "0-1" : "2-3");
  put("/sys/devices/system/node/online", "0-1\n");
  for (const char* node : {"node0", "node1"}) {
    const std::string directory = std::string("/sys/devices/system/node/") + node;
    put(directory + "/meminfo", std::string("Node 0 MemTotal:  8192 kB\nNode 0 MemFree: 1 kB\n"));
    put(directory + "/distance", node[4] == '0' ? "10 20\n" : "20 10\n");
    put(directory + "/cpulist", node[4] == '0' ? "0-1\n" : "2-3\n");
    put(directory + "/hugepages/hugepages-2048kB/nr_hugepages", "2\n");
  }
  put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
  put("/sys/kernel/iommu_groups/0/type", "DMA\n");
  put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  put("/proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 2596.130\n");

  const auto host = read_host_capabilities(root_);
  EXPECT_EQ(base::format_uuid(host.host_uuid), "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(host.page_sizes_kib, (std::vector<unsigned>{4, 2048}));
  EXPECT_TRUE(host.iommu);
  ASSERT_EQ(host.cells.size(), 2u);
  EXPECT_EQ(host.cells[1].memory_kib, 8192u);
  EXPECT_EQ(host.cells[1].pages[0].count, 1024u);
  EXPECT_EQ(host.cells[1].pages[1].count, 2u);
  EXPECT_EQ(host.cells[1].distances, (std::vector<std::pair<unsigned, unsigned>>{{0, 20}, {1, 10}}));
  ASSERT_EQ(host.cells[1].cpus.size(), 2u);
  EXPECT_EQ(host.cells[1].cpus[0].id, 2u);
  EXPECT_EQ(host.cells[1].cpus[0].siblings, "2-3");

  const auto node = read_node_info(root_);
  EXPECT_EQ(node.memory_kib, 16384u);
  EXPECT_EQ(node.cpus, 4u);
  EXPECT_EQ(node.mhz, 2596u);
  EXPECT_EQ(node.nodes, 2u);
  EXPECT_EQ(node.sockets, 1u);
  EXPECT_EQ(node.cores, 1u);
  EXPECT_EQ(node.threads, 2u);
}

TEST_F(HostTree, WithoutNumaTheHostIsOneCell) {
  put("/sys/devices/system/cpu/online", "0,2\n");
  put("/sys/devices/system/cpu/present", "0-2\n");
  put_cpu(0, 0, 0, "0");
  put_cpu(2, 0, 1, "2");
  put("/proc/meminfo", "MemTotal:       4096 kB\n");
  const auto host = read_host_capabilities(root_);
  ASSERT_EQ(host.cells.size(), 1u);
  EXPECT_EQ(host.cells[0].cpus.size(), 2u);
  EXPECT_FALSE(host.iommu);
  const auto node = read_node_info(root_);
  EXPECT_EQ(node.memory_kib, 4096u);
  EXPECT_EQ(node.cpus, 2u);
}

TEST_F(HostTree, UnevenMachinesAreReportedFlat) {
  put("/sys/devices/system/cpu/online", "0-2\n");
  put("/sys/devices/system/cpu/present", "0-2\n");
  put_cpu(0, 0, 0, "0-1");
  put_cpu(1, 0, 0, "0-1");
  put_cpu(2, 0, 1, "2");
  const auto node = read_node_info(root_);
  EXPECT_EQ(node.nodes * node.sockets * node.cores * node.threads, 3u);
}

TEST(HostFacts, OfThisHost) {
  const auto facts = read_host_facts();
  EXPECT_FALSE(facts.arch.empty());
  EXPECT_GE(facts.last_capability, 36u);
  const auto node = read_node_info();
  EXPECT_GE(node.cpus, 1u);
  EXPECT_GE(node.nodes * node.sockets * node.cores * node.threads, node.cpus);
  EXPECT_GT(node.memory_kib, 1024u);
}

TEST(HostFacts, Sources) {
  domain_xml::DomainDefinition definition;
  for (const char* source : {"/proc", "/proc/version", "/nonexistent/x"})
    definition.filesystems.emplace_back().source = source;
  const auto sources = read_source_facts(definition);
  EXPECT_EQ(sources.at("/proc"), (SourceFacts{SourceFacts::Kind::Directory, 0, 0}));
  EXPECT_EQ(sources.at("/proc/version"), (SourceFacts{SourceFacts::Kind::Other, 0, 0}));
  EXPECT_EQ(sources.at("/nonexistent/x").error, ENOENT);
}

}  // namespace
}  // namespace container
