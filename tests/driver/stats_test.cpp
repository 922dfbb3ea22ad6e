// Statistics as clients get them, from figures that a backend in memory makes up.
#include <gmock/gmock.h>
#include <libvirt/virterror.h>

#include <map>
#include <string>
#include <vector>

#include "driver/harness.hpp"

namespace {

using cgroup::BlockUsage;
using test::DaemonInProcess;
using test::domain_xml;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;
using testing::Pair;

constexpr unsigned kEnforce = VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS;
constexpr unsigned kNoWait = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

int last_code() {
  const virErrorPtr error = virGetLastError();
  return error ? error->code : VIR_ERR_OK;
}

const char* const kBridge =
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>";
const char* const kDirect =
    "<interface type='direct'><mac address='52:54:00:00:00:02'/><source dev='eth0'/></interface>";

std::string with_interfaces(const std::string& name, const std::string& interfaces) {
  std::string text = domain_xml(name);
  return text.replace(text.find("<console"), 0, interfaces);
}

/// "name" → "value" of one record, and the domains' names in order.
struct Bulk {
  int count = -1;
  std::vector<std::string> names;
  std::vector<std::map<std::string, std::string>> records;
};

class StatsTest : public test::DaemonFixture {
 protected:
  virDomainPtr start(const std::string& xml) {
    const virDomainPtr domain = define(xml);
    EXPECT_EQ(virDomainCreate(domain), 0) << virGetLastErrorMessage();
    return domain;
  }
  static Bulk taken(int count, virDomainStatsRecordPtr* records) {
    Bulk bulk;
    bulk.count = count;
    for (int i = 0; i < count; ++i) {
      bulk.names.emplace_back(virDomainGetName(records[i]->dom));
      auto& values = bulk.records.emplace_back();
      for (int k = 0; k < records[i]->nparams; ++k) {
        values[records[i]->params[k].field] = text_of(records[i]->params[k]);
      }
    }
    if (count >= 0) virDomainStatsRecordListFree(records);
    return bulk;
  }
  /// With the type's letter in front, none for ULLONG and STRING.
  static std::string text_of(const virTypedParameter& parameter) {
    switch (parameter.type) {
      case VIR_TYPED_PARAM_INT:
        return "i" + std::to_string(parameter.value.i);
      case VIR_TYPED_PARAM_UINT:
        return "u" + std::to_string(parameter.value.ui);
      case VIR_TYPED_PARAM_ULLONG:
        return std::to_string(parameter.value.ul);
      case VIR_TYPED_PARAM_DOUBLE:
        return "d" + std::to_string(parameter.value.d);
      case VIR_TYPED_PARAM_STRING:
        return parameter.value.s;
      default:
        return "?";
    }
  }
  Bulk all(unsigned groups = 0, unsigned flags = 0) {
    virDomainStatsRecordPtr* records = nullptr;
    const int count = virConnectGetAllDomainStats(conn_, groups, &records, flags);
    return taken(count, records);
  }
  Bulk these(std::vector<virDomainPtr> domains, unsigned groups = 0, unsigned flags = 0) {
    domains.push_back(nullptr);
    virDomainStatsRecordPtr* records = nullptr;
    const int count = virDomainListGetStats(domains.data(), groups, &records, flags);
    return taken(count, records);
  }
};

TEST_F(StatsTest, EveryGroupOfARunningDomain) {
  const virDomainPtr domain = start(with_interfaces("web", kBridge));
  const std::string link = "vnet" + std::to_string(virDomainGetID(domain)) + "-0";
  daemon_.world().traffic[link] = {1, 2, 3, 4, 5, 6, 7, 8};
  cgroup::Usage usage;
  usage.cpu_ns = 1000;
  usage.cpu_user_ns = 600;
  usage.cpu_system_ns = 400;
  usage.processes = 7;
  usage.memory_bytes = 32 << 20;
  usage.memory_limit_bytes = 64 << 20;
  usage.swap_bytes = 3 << 20;
  usage.page_cache_bytes = 5 << 20;
  usage.inactive_file_bytes = 2 << 20;
  usage.page_faults = 100;
  usage.major_page_faults = 10;
  usage.oom_kills = 2;
  usage.blocks = {BlockUsage{4095, 0, 1, 512, 2, 1024}};
  usage.cpu_pressure = cgroup::Pressure{cgroup::Pressure::Line{1.5, 0.5, 0.25, 99}, {}};
  daemon_.guest(domain).usage = usage;
  const Bulk bulk = all();
  ASSERT_EQ(bulk.count, 1) << virGetLastErrorMessage();
  EXPECT_THAT(bulk.records[0],
              IsSupersetOf({Pair("state.state", "i1"), Pair("state.reason", "i1"), Pair("cpu.time", "1000"),
                            Pair("cpu.user", "600"), Pair("cpu.system", "400"), Pair("pids.current", "7"),
                            Pair("cpu.pressure.some.avg10", "d1.500000"), Pair("cpu.pressure.some.total", "99"),
                            Pair("vcpu.current", "u1"), Pair("vcpu.maximum", "u1")}));
  EXPECT_THAT(bulk.records[0],
              IsSupersetOf(
                  {Pair("balloon.current", "65536"), Pair("balloon.maximum", "65536"), Pair("balloon.swap_in", "3072"),
                   Pair("balloon.rss", "32768"), Pair("balloon.major_fault", "10"), Pair("balloon.minor_fault", "90"),
                   Pair("balloon.unused", "32768"), Pair("balloon.available", "65536"), Pair("balloon.usable", "34816"),
                   Pair("balloon.disk_caches", "5120"), Pair("memory.oom_kill", "2")}));
  EXPECT_THAT(bulk.records[0],
              IsSupersetOf({Pair("net.count", "u1"), Pair("net.0.name", link.c_str()), Pair("net.0.rx.bytes", "1"),
                            Pair("net.0.rx.pkts", "2"), Pair("net.0.rx.errs", "3"), Pair("net.0.rx.drop", "4"),
                            Pair("net.0.tx.bytes", "5"), Pair("net.0.tx.pkts", "6"), Pair("net.0.tx.errs", "7"),
                            Pair("net.0.tx.drop", "8")}));
  // The filesystem's source does not exist; the disk's figures stand under its own name.
  EXPECT_THAT(bulk.records[0], IsSupersetOf({Pair("block.count", "u2"), Pair("block.0.name", "/"),
                                             Pair("block.0.path", "/srv/x"), Pair("block.1.name", "4095:0"),
                                             Pair("block.1.rd.reqs", "1"), Pair("block.1.rd.bytes", "512"),
                                             Pair("block.1.wr.reqs", "2"), Pair("block.1.wr.bytes", "1024")}));
  for (const char* absent : {"cpu.pressure.full.total", "memory.pressure.some.total", "block.0.capacity"})
    EXPECT_EQ(bulk.records[0].count(absent), 0U) << absent;
}

TEST_F(StatsTest, GroupsAreChosen) {
  start(with_interfaces("web", kBridge));
  const std::map<unsigned, std::string> prefixes = {
      {VIR_DOMAIN_STATS_STATE, "state."}, {VIR_DOMAIN_STATS_CPU_TOTAL, "cpu."}, {VIR_DOMAIN_STATS_BALLOON, "balloon."},
      {VIR_DOMAIN_STATS_VCPU, "vcpu."},   {VIR_DOMAIN_STATS_INTERFACE, "net."}, {VIR_DOMAIN_STATS_BLOCK, "block."}};
  for (const auto& [group, prefix] : prefixes) {
    const Bulk bulk = all(group, kEnforce);
    ASSERT_EQ(bulk.count, 1) << virGetLastErrorMessage();
    EXPECT_FALSE(bulk.records[0].empty()) << prefix;
    for (const auto& [key, value] : bulk.records[0]) EXPECT_EQ(key.substr(0, prefix.size()), prefix);
  }
}

TEST_F(StatsTest, UnknownGroupsAreAnErrorOnlyWhenEnforced) {
  start(domain_xml("web"));
  const unsigned unknown = VIR_DOMAIN_STATS_MEMORY | VIR_DOMAIN_STATS_IOTHREAD | VIR_DOMAIN_STATS_DIRTYRATE | 1U << 30;
  const Bulk bulk = all(unknown | VIR_DOMAIN_STATS_STATE);
  ASSERT_EQ(bulk.count, 1) << virGetLastErrorMessage();
  EXPECT_EQ(bulk.records[0].size(), 2U);
  EXPECT_EQ(all(VIR_DOMAIN_STATS_IOTHREAD).records[0].size(), 0U);
  for (const unsigned group : {VIR_DOMAIN_STATS_DIRTYRATE, VIR_DOMAIN_STATS_IOTHREAD}) {
    EXPECT_EQ(all(group, kEnforce).count, -1);
    EXPECT_EQ(last_code(), VIR_ERR_ARGUMENT_UNSUPPORTED);
  }
  EXPECT_EQ(all(0, 1U << 20).count, -1);
  EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
}

TEST_F(StatsTest, FiltersAndOrder) {
  const virDomainPtr running = start(domain_xml("c-running"));
  const virDomainPtr off = define(domain_xml("a-off"));
  const virDomainPtr paused = start(domain_xml("b-paused"));
  ASSERT_EQ(virDomainSuspend(paused), 0);
  const virDomainPtr transient = virDomainCreateXML(conn_, domain_xml("d-transient").c_str(), 0);
  domains_.push_back(transient);
  const auto names = [&](unsigned flags) { return all(VIR_DOMAIN_STATS_STATE, flags).names; };
  EXPECT_THAT(names(0), ElementsAre("a-off", "b-paused", "c-running", "d-transient"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE), ElementsAre("b-paused", "c-running", "d-transient"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE), ElementsAre("a-off"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT), ElementsAre("a-off", "b-paused", "c-running"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT), ElementsAre("d-transient"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING), ElementsAre("c-running", "d-transient"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED), ElementsAre("b-paused"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED),
              ElementsAre("a-off", "b-paused"));
  EXPECT_THAT(names(VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER), ElementsAre());
  EXPECT_THAT(these({running, off}, VIR_DOMAIN_STATS_STATE).names, ElementsAre("c-running", "a-off")) << "as asked";
  EXPECT_THAT(these({running, off}, 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE).names, ElementsAre("c-running"));
  ASSERT_EQ(virDomainDestroy(transient), 0);
  EXPECT_THAT(these({transient, running}).names, ElementsAre("c-running")) << "one is gone";
}

TEST_F(StatsTest, ShutOffDomainsHaveWhatTheirDefinitionSays) {
  define(with_interfaces("web", kBridge));
  const Bulk bulk = all();
  ASSERT_EQ(bulk.count, 1) << virGetLastErrorMessage();
  EXPECT_THAT(bulk.records[0], ElementsAre(Pair("balloon.current", "65536"), Pair("balloon.maximum", "65536"),
                                           Pair("state.reason", "i0"), Pair("state.state", "i5"),
                                           Pair("vcpu.current", "u1"), Pair("vcpu.maximum", "u1")));
}

TEST_F(StatsTest, OneThatHasJustEndedHasNoFiguresAndNoLies) {
  const virDomainPtr domain = start(with_interfaces("web", kBridge));
  daemon_.guest(domain).just_ended = true;
  const Bulk bulk = all();
  ASSERT_EQ(bulk.count, 1) << virGetLastErrorMessage();
  for (const char* key : {"cpu.time", "balloon.rss", "block.0.rd.bytes", "net.0.rx.bytes"})
    EXPECT_EQ(bulk.records[0].count(key), 0U) << key;
  virDomainBlockStatsStruct blocks;
  virDomainMemoryStatStruct memory[16];
  virTypedParameter parameter[3];
  for (const int answer :
       {virDomainBlockStats(domain, "", &blocks, sizeof blocks), virDomainMemoryStats(domain, memory, 16, 0),
        virDomainGetCPUStats(domain, parameter, 3, -1, 1, 0)}) {
    EXPECT_EQ(answer, -1);
    EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  }
}

TEST_F(StatsTest, ManyDomainsAreAllThereInOrder) {
  std::vector<std::string> names;
  for (int i = 0; i < 150; ++i) {
    const std::string name = "web" + std::to_string(1000 + i);
    names.push_back(name);
    const virDomainPtr domain = start(domain_xml(name));
    daemon_.guest(domain).usage.cpu_ns = static_cast<std::uint64_t>(i);
  }
  const Bulk bulk = all(VIR_DOMAIN_STATS_CPU_TOTAL);
  EXPECT_EQ(bulk.names, names);
  for (std::size_t i = 0; i < bulk.records.size(); ++i) EXPECT_EQ(bulk.records[i].at("cpu.time"), std::to_string(i));
}

TEST_F(StatsTest, NoWaitAsksNoFileSystem) {
  char folder[] = "/tmp/lxcell-stats-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  std::string text = domain_xml("web");
  text.replace(text.find("/srv/x"), 6, folder);
  start(text);
  EXPECT_EQ(all(VIR_DOMAIN_STATS_BLOCK).records[0].count("block.0.capacity"), 1U);
  EXPECT_EQ(all(VIR_DOMAIN_STATS_BLOCK, kNoWait).records[0].count("block.0.capacity"), 0U);
  EXPECT_EQ(all(VIR_DOMAIN_STATS_BLOCK, kNoWait).records[0].at("block.0.path"), folder);
  ::rmdir(folder);
}

TEST_F(StatsTest, CpuStatsRules) {
  const virDomainPtr domain = start(domain_xml("web"));
  const int cpus = virDomainGetCPUStats(domain, nullptr, 0, 0, 0, 0);
  ASSERT_GT(cpus, 0) << virGetLastErrorMessage();
  auto& usage = daemon_.guest(domain).usage;
  usage.cpu_user_ns = 3;
  usage.cpu_system_ns = 2;
  std::vector<virTypedParameter> parameters(static_cast<std::size_t>(cpus) + 4);
  EXPECT_EQ(virDomainGetCPUStats(domain, nullptr, 0, -1, 1, 0), 3);
  EXPECT_EQ(virDomainGetCPUStats(domain, nullptr, 0, 0, 1, 0), 1);
  ASSERT_EQ(virDomainGetCPUStats(domain, parameters.data(), 4, -1, 1, 0), 3);
  EXPECT_STREQ(parameters[0].field, "cpu_time");
  EXPECT_EQ(parameters[0].value.ul, 5U);
  EXPECT_STREQ(parameters[1].field, "user_time");
  EXPECT_EQ(parameters[1].value.ul, 3U);
  EXPECT_STREQ(parameters[2].field, "system_time");
  EXPECT_EQ(parameters[2].value.ul, 2U);
  EXPECT_EQ(virDomainGetCPUStats(domain, parameters.data(), 1, -1, 1, 0), 1) << "fewer than there are";
  // Without per-CPU figures (cgroup v2).
  EXPECT_EQ(virDomainGetCPUStats(domain, parameters.data(), 1, 0, 1, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_UNSUPPORTED);
  usage.per_cpu_ns = std::vector<std::uint64_t>(static_cast<std::size_t>(cpus), 11);
  ASSERT_EQ(virDomainGetCPUStats(domain, parameters.data(), 1, 0, static_cast<unsigned>(cpus) + 2, 0), 1);
  EXPECT_EQ(parameters[static_cast<std::size_t>(cpus) - 1].value.ul, 11U);
  EXPECT_EQ(parameters[static_cast<std::size_t>(cpus)].type, 0) << "beyond the last";
  EXPECT_EQ(virDomainGetCPUStats(domain, parameters.data(), 1, cpus, 1, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(virDomainGetCPUStats(domain, parameters.data(), 1, 0, 1, 8), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
}

TEST_F(StatsTest, FewerCpusInTheKernelsListThanPresentAreZero) {
  const virDomainPtr domain = start(domain_xml("web"));
  daemon_.guest(domain).usage.per_cpu_ns.emplace();
  virTypedParameter parameter{};
  parameter.value.ul = 9;
  ASSERT_EQ(virDomainGetCPUStats(domain, &parameter, 1, 0, 1, 0), 1) << virGetLastErrorMessage();
  EXPECT_EQ(parameter.value.ul, 0U);
}

TEST_F(StatsTest, MemoryStatsNeverSendMoreThanAsked) {
  const virDomainPtr domain = start(domain_xml("web"));
  daemon_.guest(domain).usage.swap_bytes = 8192;
  virDomainMemoryStatStruct memory[16];
  for (unsigned most = 1; most <= 3; ++most)
    EXPECT_EQ(virDomainMemoryStats(domain, memory, most, 0), static_cast<int>(most));
  EXPECT_EQ(memory[0].tag, VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON);
  EXPECT_EQ(memory[0].val, 65536U);
  EXPECT_EQ(memory[1].tag, VIR_DOMAIN_MEMORY_STAT_SWAP_IN);
  EXPECT_EQ(memory[1].val, 8U);
  EXPECT_EQ(memory[2].tag, VIR_DOMAIN_MEMORY_STAT_RSS);
  EXPECT_EQ(memory[2].val, 4U);
}

TEST_F(StatsTest, BlockStatsOfTheWholeContainer) {
  const virDomainPtr domain = start(domain_xml("web"));
  virDomainBlockStatsStruct stats;
  EXPECT_EQ(virDomainBlockStats(domain, "", &stats, sizeof stats), -1) << "no blkio controller";
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  daemon_.guest(domain).usage.blocks = {BlockUsage{8, 0, 1, 2, 3, 4}, BlockUsage{8, 16, 10, 20, 30, 40}};
  ASSERT_EQ(virDomainBlockStats(domain, "", &stats, sizeof stats), 0) << virGetLastErrorMessage();
  EXPECT_EQ(stats.rd_req, 11);
  EXPECT_EQ(stats.rd_bytes, 22);
  EXPECT_EQ(stats.wr_req, 33);
  EXPECT_EQ(stats.wr_bytes, 44);
  EXPECT_EQ(stats.errs, -1);
  int count = 0;
  ASSERT_EQ(virDomainBlockStatsFlags(domain, "", nullptr, &count, 0), 0);
  EXPECT_EQ(count, 4);
  for (count = 1; count <= 16; count += 5) {
    virTypedParameter parameters[16];
    int filled = count;
    ASSERT_EQ(virDomainBlockStatsFlags(domain, "", parameters, &filled, 0), 0) << virGetLastErrorMessage();
    EXPECT_EQ(filled, std::min(count, 4));
    EXPECT_STREQ(parameters[0].field, "wr_bytes");
    EXPECT_EQ(parameters[0].type, VIR_TYPED_PARAM_LLONG);
    EXPECT_EQ(parameters[0].value.l, 44);
  }
  for (const char* path : {"sda", "/srv", "bogus"}) {
    EXPECT_EQ(virDomainBlockStats(domain, path, &stats, sizeof stats), -1);
    EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
  }
  EXPECT_EQ(virDomainBlockStats(domain, "/", &stats, sizeof stats), -1) << "its source does not exist";
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_UNSUPPORTED);
}

TEST_F(StatsTest, InterfaceStatsByNameAndAddress) {
  const virDomainPtr domain = start(with_interfaces("web", std::string(kBridge) + kDirect));
  const std::string link = "vnet" + std::to_string(virDomainGetID(domain)) + "-0";
  daemon_.world().traffic[link] = {1, 2, 3, 4, 5, 6, 7, 8};
  virDomainInterfaceStatsStruct stats;
  for (const std::string& device : {link, std::string("52:54:00:00:00:01"), std::string("52:54:0:0:0:1")}) {
    ASSERT_EQ(virDomainInterfaceStats(domain, device.c_str(), &stats, sizeof stats), 0) << virGetLastErrorMessage();
    EXPECT_EQ(stats.rx_bytes, 1);
    EXPECT_EQ(stats.rx_packets, 2);
    EXPECT_EQ(stats.rx_errs, 3);
    EXPECT_EQ(stats.rx_drop, 4);
    EXPECT_EQ(stats.tx_bytes, 5);
    EXPECT_EQ(stats.tx_drop, 8);
  }
  for (const char* device : {"bogus", "52:54:00:00:00:09", ""}) {
    EXPECT_EQ(virDomainInterfaceStats(domain, device, &stats, sizeof stats), -1);
    EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG) << device;
  }
  EXPECT_EQ(virDomainInterfaceStats(domain, "52:54:00:00:00:02", &stats, sizeof stats), -1) << "gone";
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  daemon_.guest(domain).traffic_inside = container::Traffic{.rx_bytes = 11, .tx_bytes = 22};
  ASSERT_EQ(virDomainInterfaceStats(domain, "52:54:00:00:00:02", &stats, sizeof stats), 0) << "N7: counted inside";
  EXPECT_EQ(stats.rx_bytes, 11);
  EXPECT_EQ(stats.tx_bytes, 22);
  daemon_.world().traffic.clear();
  EXPECT_EQ(virDomainInterfaceStats(domain, link.c_str(), &stats, sizeof stats), -1) << "the link has gone";
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
}

TEST_F(StatsTest, NothingOfAShutOffDomain) {
  const virDomainPtr domain = define(with_interfaces("web", kBridge));
  virDomainBlockStatsStruct blocks;
  virDomainInterfaceStatsStruct interface;
  virDomainMemoryStatStruct memory[4];
  virTypedParameter parameter[3];
  int count = 3;
  for (const int answer :
       {virDomainGetCPUStats(domain, nullptr, 0, -1, 1, 0), virDomainGetCPUStats(domain, parameter, 1, 0, 1, 0),
        virDomainMemoryStats(domain, memory, 4, 0), virDomainBlockStats(domain, "", &blocks, sizeof blocks),
        virDomainBlockStats(domain, "bogus", &blocks, sizeof blocks),
        virDomainBlockStatsFlags(domain, "", parameter, &count, 0),
        virDomainInterfaceStats(domain, "52:54:00:00:00:01", &interface, sizeof interface)}) {
    EXPECT_EQ(answer, -1);
    EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  }
  virDomainInfo info;
  ASSERT_EQ(virDomainGetInfo(domain, &info), 0);
  EXPECT_EQ(info.cpuTime, 0U);
  EXPECT_EQ(info.memory, 65536U);
}

TEST_F(StatsTest, ReadOnlyClientsMayAsk) {
  const virDomainPtr domain = start(domain_xml("web"));
  const virConnectPtr reader = daemon_.connect(true);
  const virDomainPtr same = virDomainLookupByName(reader, virDomainGetName(domain));
  virDomainStatsRecordPtr* records = nullptr;
  EXPECT_EQ(virConnectGetAllDomainStats(reader, 0, &records, 0), 1) << virGetLastErrorMessage();
  virDomainStatsRecordListFree(records);
  virTypedParameter parameter[3];
  EXPECT_EQ(virDomainGetCPUStats(same, parameter, 3, -1, 1, 0), 3) << virGetLastErrorMessage();
  unsigned pages = 2048;
  unsigned long long pages_to_make = 0;
  EXPECT_EQ(virNodeAllocPages(reader, 1, &pages, &pages_to_make, 0, 1, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_DENIED);
  virDomainFree(same);
  virConnectClose(reader);
}

}  // namespace
