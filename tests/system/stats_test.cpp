// Statistics of running containers, against what the containers did and what the kernel's own files say. Everything
// holds on cgroup v1, v2 and both.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "support/fixture.hpp"
#include "support/typed_params.hpp"

namespace {

using namespace support;

using Figures = std::map<std::string, std::string>;

/// The record of one domain; empty, with a failure, if there is none.
Figures figures_of(virDomainPtr domain, unsigned groups = 0, unsigned flags = 0) {
  virDomainPtr wanted[] = {domain, nullptr};
  virDomainStatsRecordPtr* records = nullptr;
  const int count = virDomainListGetStats(wanted, groups, &records, flags);
  EXPECT_EQ(count, 1) << describe(last_failure());
  Figures figures;
  if (count < 0) return figures;
  for (int i = 0; i < count; ++i)
    for (const auto& [name, value] : typed_values(records[i]->params, records[i]->nparams))
      figures[name] = text_of(value);
  virDomainStatsRecordListFree(records);
  return figures;
}

/// A figure of one domain; -1 if it is absent.
long long figure(virDomainPtr domain, unsigned groups, const std::string& key) {
  const Figures figures = figures_of(domain, groups);
  const auto found = figures.find(key);
  return found == figures.end() ? -1 : std::stoll(found->second);
}

class StatsTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("it has no bulk statistics, and none per filesystem"); }
  Rootfs root_;
};

TEST_F(StatsTest, EveryGroupOfARunningContainer) {
  Bridge bridge;
  DomainXml definition = xml("stats", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge.name());
  const Domain domain = create(definition);
  ASSERT_TRUE(root_.wait_ready());
  const Figures figures = figures_of(domain);
  for (const char* key : {"state.state",
                          "state.reason",
                          "cpu.time",
                          "cpu.user",
                          "cpu.system",
                          "balloon.current",
                          "balloon.maximum",
                          "balloon.rss",
                          "balloon.major_fault",
                          "balloon.minor_fault",
                          "balloon.unused",
                          "balloon.available",
                          "balloon.usable",
                          "balloon.last-update",
                          "balloon.disk_caches",
                          "memory.oom_kill",
                          "vcpu.current",
                          "vcpu.maximum",
                          "net.count",
                          "net.0.name",
                          "net.0.rx.bytes",
                          "net.0.tx.drop",
                          "block.count",
                          "block.0.name",
                          "block.0.path",
                          "block.0.capacity",
                          "block.0.allocation",
                          "block.0.physical"})
    EXPECT_EQ(figures.count(key), 1U) << key;
  EXPECT_EQ(figures.at("state.state"), "1");
  EXPECT_EQ(figures.at("net.0.name"), xpath(dump(domain), "string(//interface/target/@dev)"));
  EXPECT_EQ(figures.at("block.0.name"), "/");
  EXPECT_EQ(figures.at("block.0.path"), root_.path());
  EXPECT_EQ(figures.at("balloon.available"), "65536");
}

TEST_F(StatsTest, PressureIsThereWhereTheKernelTells) {
  const Domain domain = create(xml("stats", root_));
  const std::string groups = proc_file(init_pid(domain), "cgroup"), v2 = "0::";
  const auto at = groups.find(v2);
  const std::string own =
      at == groups.npos ? "" : groups.substr(at + v2.size(), groups.find('\n', at) - at - v2.size());
  bool told = false;
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
    told = told || read_text(mount + own + "/memory.pressure").starts_with("some ");
  const Figures figures = figures_of(domain);
  for (const char* resource : {"cpu", "memory", "io"})
    EXPECT_EQ(figures.count(std::string(resource) + ".pressure.some.avg10"), told ? 1U : 0U) << resource;
}

TEST_F(StatsTest, CpuTimeIsWhatTheContainerBurnt) {
  root_.set_init(": > /ready\nwhile :; do :; done\n");
  const Domain domain = create(xml("stats", root_));
  ASSERT_TRUE(root_.wait_ready());
  const auto time = [&] { return figure(domain, VIR_DOMAIN_STATS_CPU_TOTAL, "cpu.time"); };
  const long long before = time();
  EXPECT_TRUE(eventually([&] { return time() > before + 100'000'000; })) << "a tenth of a second of CPU";
  virDomainInfo info;
  ASSERT_TRUE(ok(virDomainGetInfo(domain, &info)));
  EXPECT_GE(static_cast<long long>(info.cpuTime), before + 100'000'000) << "dominfo tells the same";
  virTypedParameter totals[3];
  ASSERT_EQ(virDomainGetCPUStats(domain, totals, 3, -1, 1, 0), 3) << describe(last_failure());
  EXPECT_GE(totals[0].value.ul, info.cpuTime);
  EXPECT_GT(totals[1].value.ul, totals[0].value.ul / 5) << "an empty loop is user time, where nothing is emulated";
  EXPECT_GE(figure(domain, VIR_DOMAIN_STATS_CPU_TOTAL, "pids.current"), 1);
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  // The kernel calls a task frozen just before it switches away from it, and charges it for the way there.
  long long frozen = -1;
  EXPECT_TRUE(eventually([&] {
    const long long last = frozen;
    frozen = time();
    return frozen == last;
  })) << "paused, it stops burning";
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(time(), frozen) << "paused: it burns nothing, and can still be asked";
}

bool kernel_before(int major, int minor) {
  utsname names{};
  int running[2] = {};
  return ::uname(&names) == 0 && std::sscanf(names.release, "%d.%d", &running[0], &running[1]) == 2 &&
         std::pair(running[0], running[1]) < std::pair(major, minor);
}

using Times = std::vector<unsigned long long>;

/// CPU time by CPU; empty if that failed.
Times each_cpu(virDomainPtr domain) {
  const int cpus = virDomainGetCPUStats(domain, nullptr, 0, 0, 0, 0);
  if (cpus <= 0) return {};
  std::vector<virTypedParameter> each(static_cast<std::size_t>(cpus));
  if (virDomainGetCPUStats(domain, each.data(), 1, 0, static_cast<unsigned>(cpus), 0) != 1) return {};
  Times times;
  for (const auto& cpu : each) times.push_back(cpu.value.ul);
  return times;
}

unsigned long long sum_of(const Times& times) {
  return std::accumulate(times.begin(), times.end(), 0ULL);
}

unsigned long long cpu_time(virDomainPtr domain) {
  virTypedParameter totals[3];
  return virDomainGetCPUStats(domain, totals, 3, -1, 1, 0) == 3 ? totals[0].value.ul : 0;
}

TEST_F(StatsTest, G3_TimePerCpu) {
  root_.set_init(": > /ready\nwhile :; do :; done\n");
  const int last = virDomainGetCPUStats(create(xml("count", root_)), nullptr, 0, 0, 0, 0) - 1;
  ASSERT_GE(last, 0) << describe(last_failure());
  DomainXml definition = xml("stats", root_);
  definition.elements = "<vcpu cpuset='" + std::to_string(last) + "'>1</vcpu>";
  const Domain domain = create(definition);
  const auto own = static_cast<std::size_t>(last);
  const Times before = each_cpu(domain);
  ASSERT_EQ(before.size(), own + 1) << describe(last_failure());
  Times now;
  EXPECT_TRUE(
      eventually([&] { return (now = each_cpu(domain)).size() > own && now[own] > before[own] + 300'000'000; }));
  for (std::size_t cpu = 0; cpu < own; ++cpu) {
    EXPECT_GE(now[cpu], before[cpu]);
    EXPECT_LT(now[cpu], before[cpu] + 100'000'000) << "it may not run on CPU " << cpu;
  }
  const auto earlier = cpu_time(domain);
  const auto sum = sum_of(each_cpu(domain));
  const auto later = cpu_time(domain);
  EXPECT_GE(sum, earlier);
  EXPECT_LE(sum, later + 1000) << "v2 tells the whole in microseconds";
}

TEST_F(StatsTest, G3_TimePerCpuOfGroupsThatAreGone) {
  const Domain domain = create(xml("stats", root_));
  ASSERT_TRUE(root_.wait_ready());
  const std::string group = limits_folder(domain, "cpuacct") + "/gone";
  const unsigned long long before = sum_of(each_cpu(domain));
  ASSERT_GT(before, 0U) << describe(last_failure());
  const Output burnt = shell("mkdir " + group + " && sh -c 'echo $$ > " + group +
                             "/cgroup.procs && i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'; cat " + group +
                             "/cpu.stat " + group + "/cpuacct.usage 2>/dev/null; rmdir " + group);
  // "usage_usec N" of v2, N nanoseconds of v1
  const bool v2 = burnt.text.starts_with("usage_usec ");
  const unsigned long long used = v2 ? 1000 * std::stoull(burnt.text.substr(11)) : std::stoull(burnt.text);
  ASSERT_GT(used, 1'000'000U);
  const Times now = each_cpu(domain);
  if (v2 && kernel_before(6, 6)) {
    EXPECT_TRUE(now.empty()) << "this kernel has forgotten where the group ran";
    EXPECT_EQ(last_failure().code, VIR_ERR_OPERATION_UNSUPPORTED);
    EXPECT_NE(last_failure().message.find("gone"), std::string::npos) << "it says why";
    return;
  }
  EXPECT_GE(sum_of(now), before + used) << describe(last_failure());
}

TEST_F(StatsTest, MemoryIsWhatTheContainerHolds) {
  root_.set_init("dd if=/dev/zero of=/held bs=1024 count=8192 2>/dev/null\n: > /ready\nsleep 100000\n");
  const Domain domain = create(xml("stats", root_));
  ASSERT_TRUE(root_.wait_ready());
  std::map<int, unsigned long long> stats;
  virDomainMemoryStatStruct array[VIR_DOMAIN_MEMORY_STAT_NR];
  const int count = virDomainMemoryStats(domain, array, VIR_DOMAIN_MEMORY_STAT_NR, 0);
  ASSERT_GT(count, 3) << describe(last_failure());
  for (int i = 0; i < count; ++i) stats[array[i].tag] = array[i].val;
  EXPECT_EQ(array[0].tag, VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON);
  EXPECT_EQ(stats[VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON], 65536U);
  EXPECT_EQ(stats[VIR_DOMAIN_MEMORY_STAT_AVAILABLE], 65536U);
  EXPECT_GE(stats[VIR_DOMAIN_MEMORY_STAT_DISK_CACHES], 8192U) << "the file it wrote";
  EXPECT_GE(stats[VIR_DOMAIN_MEMORY_STAT_RSS], stats[VIR_DOMAIN_MEMORY_STAT_DISK_CACHES]);
  EXPECT_LE(stats[VIR_DOMAIN_MEMORY_STAT_RSS] + stats[VIR_DOMAIN_MEMORY_STAT_UNUSED], 65536U);
  EXPECT_GT(stats[VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT], 0U);
}

TEST_F(StatsTest, OomKillsAreCounted) {
  root_.set_init(
      "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null\necho $? > /verdict.new\nmv /verdict.new /verdict\n"
      ": > /ready\nsleep 100000\n");
  DomainXml definition = xml("stats", root_);
  definition.memory_kib = 24 * 1024;
  const Domain domain = create(definition);
  ASSERT_TRUE(root_.wait_for("verdict"));
  EXPECT_GE(figure(domain, VIR_DOMAIN_STATS_BALLOON, "memory.oom_kill"), 1);
}

TEST_F(StatsTest, TrafficAsTheContainerSeesIt) {
  Bridge bridge;
  root_.set_init("ip addr add " + bridge.address(2) + "/24 dev eth0 && ip link set eth0 up\nping -c 3 -W 10 " +
                 bridge.address() + " >/dev/null\n" + std::string(init::kObedient));
  DomainXml definition = xml("stats", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge.name(), "52:54:00:12:34:56");
  const Domain domain = create(definition);
  ASSERT_TRUE(root_.wait_ready());
  const std::string link = xpath(dump(domain), "string(//interface/target/@dev)");
  const auto host_counts = [&](const std::string& what) {
    return std::stoll(read_text("/sys/class/net/" + link + "/statistics/" + what));
  };
  for (const std::string& device : {link, std::string("52:54:00:12:34:56")}) {
    const long long received = host_counts("rx_packets"), sent = host_counts("tx_packets");
    virDomainInterfaceStatsStruct stats;
    ASSERT_TRUE(ok(virDomainInterfaceStats(domain, device.c_str(), &stats, sizeof stats)));
    EXPECT_GE(stats.tx_packets, std::max(3LL, received)) << "what it sent, the host's end received";
    EXPECT_GE(stats.rx_packets, std::max(3LL, sent));
    EXPECT_LE(stats.tx_packets, host_counts("rx_packets"));
    EXPECT_GE(stats.tx_bytes, 3 * 98) << "echo requests";
  }
  EXPECT_GE(figure(domain, VIR_DOMAIN_STATS_INTERFACE, "net.0.tx.pkts"), 3);
  virDomainInterfaceStatsStruct stats;
  for (const char* device : {"lo", "eth0", "bogus", "52:54:00:00:00:00"})
    EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainInterfaceStats(domain, device, &stats, sizeof stats)));
}

/// On cgroup v1 recent kernels count a disk's I/O from the first time on that anybody has throttled it.
bool counts_disk_under(const std::string& path) {
  const std::string counted = read_text("/sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes_recursive");
  struct stat info {};
  if (counted.empty() || ::stat(path.c_str(), &info) < 0) return true;
  const std::string number = std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev));
  const std::string device = "/sys/dev/block/" + number;
  std::string disk = exists(device + "/partition") ? read_text(device + "/../dev") : number;
  disk = disk.substr(0, disk.find('\n')) + " ";
  return counted.starts_with(disk) || counted.find("\n" + disk) != counted.npos;
}

TEST_F(StatsTest, BlocksWrittenToADisk) {
  // O_DIRECT, so that what is written is counted when it is done. Where the scratch folder is no disk, it fails inside.
  root_.set_init(
      "dd if=/dev/zero of=/data bs=4096 count=64 oflag=direct 2>/dev/null && : > /direct\n: > /ready\nsleep 100000\n");
  const Domain domain = create(xml("stats", root_));
  ASSERT_TRUE(root_.wait_ready());
  virDomainBlockStatsStruct all, on_disk;
  if (virDomainBlockStats(domain, "", &all, sizeof all) < 0) {
    EXPECT_EQ(last_failure().code, VIR_ERR_OPERATION_INVALID) << "only where there is no such controller";
    GTEST_SKIP() << "this host counts no I/O";
  }
  virDomainBlockInfo info;
  ASSERT_TRUE(ok(virDomainGetBlockInfo(domain, "/", &info, 0)));
  EXPECT_GT(info.capacity, info.allocation);
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainBlockStats(domain, "/none-such", &on_disk, sizeof on_disk)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainGetBlockInfo(domain, "vdz", &info, 0)));
  if (virDomainBlockStats(domain, "/", &on_disk, sizeof on_disk) < 0) {
    EXPECT_EQ(last_failure().code, VIR_ERR_OPERATION_UNSUPPORTED);
    GTEST_SKIP() << "the test's folder lies on no disk";
  }
  if (shell("test -e " + (root_ / "direct")).status != 0) GTEST_SKIP() << "no direct I/O in the test's folder";
  if (!counts_disk_under(root_.path())) GTEST_SKIP() << "nobody has throttled the disk, so this kernel does not count";
  EXPECT_GE(all.wr_bytes, 64 * 4096);
  EXPECT_GE(on_disk.wr_bytes, 64 * 4096);
  EXPECT_LE(on_disk.wr_bytes, all.wr_bytes);
  const Figures figures = figures_of(domain, VIR_DOMAIN_STATS_BLOCK);
  long long sum = 0;
  for (int i = 0; i < std::stoi(figures.at("block.count")); ++i) {
    const auto found = figures.find("block." + std::to_string(i) + ".wr.bytes");
    if (found != figures.end()) sum += std::stoll(found->second);
  }
  EXPECT_GE(sum, all.wr_bytes) << "the entries together are what the container did, each disk once";
}

TEST_F(StatsTest, NothingLiesWhileContainersEnd) {
  // Others start and stop containers while one asks: every answer is complete or an error the caller can act on.
  Bridge bridge;
  DomainXml definition = xml("stats", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge.name());
  const Domain domain = define(definition);
  std::atomic<bool> over = false;
  std::thread cycles([&] {
    const Connection other = host().connect();
    const Domain same(virDomainLookupByName(other, definition.name.c_str()));
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(ok(virDomainCreate(same)));
      EXPECT_TRUE(ok(virDomainDestroy(same)));
    }
    over = true;
  });
  int asked = 0;
  while (!over) {
    virDomainStatsRecordPtr* records = nullptr;
    const int count = virConnectGetAllDomainStats(connection_, 0, &records, 0);
    EXPECT_GE(count, 1) << describe(last_failure());
    if (count >= 0) virDomainStatsRecordListFree(records);
    virDomainMemoryStatStruct memory[4];
    virTypedParameter cpu[3];
    virDomainBlockStatsStruct blocks;
    const auto judge = [](int answer) {
      EXPECT_TRUE(answer >= 0 || last_failure().code == VIR_ERR_OPERATION_INVALID) << describe(last_failure());
    };
    judge(virDomainMemoryStats(domain, memory, 4, 0));
    judge(virDomainGetCPUStats(domain, cpu, 3, -1, 1, 0));
    judge(virDomainBlockStats(domain, "", &blocks, sizeof blocks));
    ++asked;
  }
  cycles.join();
  EXPECT_GT(asked, 0);
}

class NodeTest : public SystemTest {};

TEST_F(NodeTest, MemoryAndProcessors) {
  const unsigned long long free_bytes = virNodeGetFreeMemory(connection_);
  ASSERT_GT(free_bytes, 0U) << describe(last_failure());
  unsigned long long cells[8];
  const int count = virNodeGetCellsFreeMemory(connection_, cells, 0, 8);
  ASSERT_GT(count, 0) << describe(last_failure());
  for (int node = 1; node < count; ++node) EXPECT_TRUE(exists("/sys/devices/system/node/node" + std::to_string(node)));
  EXPECT_FALSE(exists("/sys/devices/system/node/node" + std::to_string(count)));
  virNodeInfo info;
  ASSERT_TRUE(ok(virNodeGetInfo(connection_, &info)));
  EXPECT_LE(free_bytes / 1024, info.memory) << "no more is free than there is";
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virNodeGetCellsFreeMemory(connection_, cells, 1000, 1)));

  int figures = 0;
  ASSERT_TRUE(ok(virNodeGetMemoryStats(connection_, -1, nullptr, &figures, 0)));
  EXPECT_EQ(figures, 4);
  std::vector<virNodeMemoryStats> memory(static_cast<std::size_t>(figures));
  ASSERT_TRUE(ok(virNodeGetMemoryStats(connection_, -1, memory.data(), &figures, 0)));
  EXPECT_STREQ(memory[0].field, "total");
  EXPECT_GT(memory[0].value, memory[1].value);
  figures = 1;
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virNodeGetMemoryStats(connection_, -1, memory.data(), &figures, 0)));
  figures = 0;
  ASSERT_TRUE(ok(virNodeGetMemoryStats(connection_, 0, nullptr, &figures, 0)));
  EXPECT_EQ(figures, 2) << "of a cell";
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virNodeGetMemoryStats(connection_, 1000, nullptr, &figures, 0)));

  figures = 0;
  ASSERT_TRUE(ok(virNodeGetCPUStats(connection_, -1, nullptr, &figures, 0)));
  EXPECT_EQ(figures, 4);
  std::vector<virNodeCPUStats> before(4), after(4);
  ASSERT_TRUE(ok(virNodeGetCPUStats(connection_, -1, before.data(), &figures, 0)));
  ASSERT_TRUE(ok(virNodeGetCPUStats(connection_, 0, after.data(), &figures, 0)));
  for (std::size_t i = 0; i < 2; ++i) EXPECT_LE(after[i].value, before[i].value + 1'000'000'000) << before[i].field;
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virNodeGetCPUStats(connection_, 100000, after.data(), &figures, 0)));
  figures = 3;
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virNodeGetCPUStats(connection_, -1, after.data(), &figures, 0)));

  unsigned char* map = nullptr;
  unsigned online = 0;
  const int cpus = virNodeGetCPUMap(connection_, &map, &online, 0);
  ASSERT_GT(cpus, 0) << describe(last_failure());
  EXPECT_EQ(online, info.cpus);
  unsigned marked = 0;
  for (int cpu = 0; cpu < cpus; ++cpu) marked += (map[cpu / 8] >> (cpu % 8)) & 1U;
  EXPECT_EQ(marked, online);
  free(map);
}

TEST_F(NodeTest, Pages) {
  const auto base = static_cast<unsigned>(sysconf(_SC_PAGESIZE) / 1024);
  unsigned sizes[] = {base};
  unsigned long long counts[2] = {0, 0};
  EXPECT_EQ(virNodeGetFreePages(connection_, 1, sizes, 0, 1, counts, 0), 1) << describe(last_failure());
  EXPECT_GT(counts[0], 0U);
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virNodeGetFreePages(connection_, 1, sizes, 1000, 1, counts, 0)));
  counts[0] = 1;
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, virNodeAllocPages(connection_, 1, sizes, counts, 0, 1, 0)));
  sizes[0] = 5;
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, virNodeGetFreePages(connection_, 1, sizes, 0, 1, counts, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, virNodeAllocPages(connection_, 1, sizes, counts, 0, 1, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virNodeAllocPages(connection_, 1, sizes, counts, 0, 1, 8)));
}

TEST_F(NodeTest, PageMerging) {
  int count = 0;
  if (virNodeGetMemoryParameters(connection_, nullptr, &count, 0) < 0) {
    EXPECT_EQ(last_failure().code, VIR_ERR_OPERATION_UNSUPPORTED);
    GTEST_SKIP() << "this kernel does not merge pages";
  }
  std::vector<virTypedParameter> parameters(static_cast<std::size_t>(count));
  ASSERT_TRUE(ok(virNodeGetMemoryParameters(connection_, parameters.data(), &count, 0)));
  unsigned before = 0;
  ASSERT_EQ(virTypedParamsGetUInt(parameters.data(), count, VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN, &before), 1);
  const auto set = [&](const char* name, unsigned value) {
    int size = 0, room = 0;
    virTypedParameterPtr list = nullptr;
    virTypedParamsAddUInt(&list, &size, &room, name, value);
    const int answer = virNodeSetMemoryParameters(connection_, list, size, 0);
    virTypedParamsFree(list, size);
    return answer;
  };
  const auto in_kernel = [] { return read_text("/sys/kernel/mm/ksm/pages_to_scan"); };
  ASSERT_TRUE(ok(set(VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN, before + 1)));
  EXPECT_EQ(in_kernel(), std::to_string(before + 1) + "\n");
  ASSERT_TRUE(ok(set(VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN, before)));
  EXPECT_EQ(in_kernel(), std::to_string(before) + "\n");
  EXPECT_EQ(set(VIR_NODE_MEMORY_SHARED_PAGES_SHARED, 1), -1) << "a counter";
  EXPECT_EQ(set("bogus", 1), -1);
  EXPECT_EQ(in_kernel(), std::to_string(before) + "\n");
}

}  // namespace
