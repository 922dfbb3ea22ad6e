// Limits: asked for by a client, enforced by the kernel, hit by a container.
#include <sched.h>
#include <sys/stat.h>

#include <cstdio>
#include <set>
#include <sstream>
#include <variant>
#include <vector>

#include "support/fixture.hpp"
#include "support/typed_params.hpp"

namespace {

using namespace support;

constexpr unsigned kLive = VIR_DOMAIN_AFFECT_LIVE, kConfig = VIR_DOMAIN_AFFECT_CONFIG;
constexpr unsigned long long kUnlimited = VIR_DOMAIN_MEMORY_PARAM_UNLIMITED;

using Value = TypedValue;
using Values = TypedValues;

/// libvirt's list of typed parameters, freed at the end.
class Parameters {
 public:
  explicit Parameters(const Values& values = {}) {
    for (const auto& [name, value] : values) add(name.c_str(), value);
  }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;
  ~Parameters() { virTypedParamsFree(list_, count_); }
  virTypedParameterPtr list() const { return list_; }
  int count() const { return count_; }
  /// For a getter: `count` empty ones.
  virTypedParameterPtr room(int count) {
    list_ = static_cast<virTypedParameterPtr>(calloc(static_cast<std::size_t>(count), sizeof *list_));
    return list_;
  }
  Values values(int count) {
    count_ = count;
    return typed_values(list_, count);
  }

 private:
  void add(const char* name, int value) { virTypedParamsAddInt(&list_, &count_, &room_, name, value); }
  void add(const char* name, unsigned value) { virTypedParamsAddUInt(&list_, &count_, &room_, name, value); }
  void add(const char* name, long long value) { virTypedParamsAddLLong(&list_, &count_, &room_, name, value); }
  void add(const char* name, unsigned long long value) {
    virTypedParamsAddULLong(&list_, &count_, &room_, name, value);
  }
  void add(const char* name, double value) { virTypedParamsAddDouble(&list_, &count_, &room_, name, value); }
  void add(const char* name, const std::string& value) {
    virTypedParamsAddString(&list_, &count_, &room_, name, value.c_str());
  }
  void add(const char* name, const Value& value) {
    std::visit([&](const auto& plain) { add(name, plain); }, value);
  }
  virTypedParameterPtr list_ = nullptr;
  int count_ = 0, room_ = 0;
};

using Getter = int (*)(virDomainPtr, virTypedParameterPtr, int*, unsigned);

Values get(Getter getter, virDomainPtr domain, unsigned flags = 0) {
  Parameters parameters;
  int count = 16;
  const auto room = parameters.room(count);
  if (getter(domain, room, &count, flags) < 0) {
    ADD_FAILURE() << describe(last_failure());
    return {};
  }
  return parameters.values(count);
}

int set_scheduler(virDomainPtr domain, const Values& values, unsigned flags = 0) {
  const Parameters parameters(values);
  return virDomainSetSchedulerParametersFlags(domain, parameters.list(), parameters.count(), flags);
}
int set_memory(virDomainPtr domain, const Values& values, unsigned flags = 0) {
  const Parameters parameters(values);
  return virDomainSetMemoryParameters(domain, parameters.list(), parameters.count(), flags);
}
int set_block(virDomainPtr domain, const Values& values, unsigned flags = 0) {
  const Parameters parameters(values);
  return virDomainSetBlkioParameters(domain, parameters.list(), parameters.count(), flags);
}
int set_numa(virDomainPtr domain, const Values& values, unsigned flags = 0) {
  const Parameters parameters(values);
  return virDomainSetNumaParameters(domain, parameters.list(), parameters.count(), flags);
}

Values scheduler(virDomainPtr domain, unsigned flags = 0) {
  return get(virDomainGetSchedulerParametersFlags, domain, flags);
}
Values memory(virDomainPtr domain, unsigned flags = 0) {
  return get(virDomainGetMemoryParameters, domain, flags);
}

class Tuning : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("its daemon dies when a shut-off container is asked for its scheduler"); }
  Rootfs root_;
};

TEST_F(Tuning, SchedulerLiveConfigAndBoth) {
  const Domain domain = define_and_start(xml("sched", root_));
  EXPECT_EQ(scheduler(domain)["cpu_shares"], Value(1024ULL));
  EXPECT_EQ(scheduler(domain)["vcpu_quota"], Value(-1LL));
  ASSERT_TRUE(ok(set_scheduler(domain, {{"cpu_shares", 2048ULL}, {"vcpu_period", 50000ULL}, {"vcpu_quota", 20000LL}})));
  Values live = scheduler(domain, kLive);
  EXPECT_EQ(live["cpu_shares"], Value(2048ULL));
  EXPECT_EQ(live["vcpu_period"], Value(50000ULL));
  EXPECT_EQ(live["vcpu_quota"], Value(20000LL));
  EXPECT_EQ(scheduler(domain, kConfig)["cpu_shares"], Value(0ULL));
  EXPECT_EQ(xpath(dump(domain), "string(//cputune/shares)"), "2048");
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//cputune)"), "0");
  ASSERT_TRUE(ok(set_scheduler(domain, {{"vcpu_quota", -1LL}, {"cpu_shares", 512ULL}}, kLive | kConfig)));
  EXPECT_EQ(scheduler(domain, kLive)["vcpu_quota"], Value(-1LL));
  EXPECT_EQ(scheduler(domain, kLive)["cpu_shares"], Value(512ULL));
  EXPECT_EQ(scheduler(domain, kConfig)["cpu_shares"], Value(512ULL));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(scheduler(domain)["cpu_shares"], Value(512ULL));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_EQ(scheduler(domain, kLive)["cpu_shares"], Value(512ULL));
}

TEST_F(Tuning, D10_WhatIsOutOfRangeIsRefusedAndChangesNothing) {
  SKIP_ON_STOCK("config values are not checked (D10)");
  const Domain domain = define_and_start(xml("range", root_));
  for (const unsigned flags : {kLive, kConfig, kLive | kConfig}) {
    const std::vector<Values> refused = {{{"cpu_shares", 1ULL}},
                                         {{"cpu_shares", 262145ULL}},
                                         {{"vcpu_period", 5ULL}},
                                         {{"vcpu_quota", 10LL}},
                                         {{"cpu_shares", 300ULL}, {"vcpu_quota", 999LL}},
                                         {{"cpu_weight", 300ULL}},
                                         {{"cpu_shares", 300}}};
    for (const auto& values : refused)
      EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set_scheduler(domain, values, flags))) << values.begin()->first;
  }
  EXPECT_EQ(scheduler(domain, kLive)["cpu_shares"], Value(1024ULL));
  EXPECT_EQ(scheduler(domain, kConfig)["cpu_shares"], Value(0ULL));
}

TEST_F(Tuning, FlagsMustFitTheState) {
  const Domain stopped = define(xml("stopped", root_));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, set_scheduler(stopped, {{"cpu_shares", 300ULL}}, kLive)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, set_memory(stopped, {{"hard_limit", 300ULL}}, kLive)));
  Rootfs other;
  const Domain transient = create(xml("transient", other));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, set_scheduler(transient, {{"cpu_shares", 300ULL}}, kConfig)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, set_block(transient, {{"weight", 300U}}, kConfig)));
  int count = 16;
  Parameters parameters;
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainGetMemoryParameters(transient, parameters.room(16), &count, 3)));
}

/// Processor time per time, over a second or so.
double busy_share(virDomainPtr domain) {
  const auto cpu_time = [&] {
    virDomainInfo info{};
    EXPECT_TRUE(ok(virDomainGetInfo(domain, &info)));
    return static_cast<double>(info.cpuTime) / 1e6;
  };
  const double before = cpu_time();
  const double took = milliseconds_of([] { eventually([] { return false; }, Milliseconds(1500)); });
  return (cpu_time() - before) / took;
}

TEST_F(Tuning, QuotaHolds) {
  root_.set_init(": > /ready\n(while :; do :; done) &\nwhile :; do :; done\n");
  const Domain domain = create(xml("quota", root_));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(set_scheduler(domain, {{"vcpu_period", 20000ULL}, {"vcpu_quota", 4000LL}})));
  double share = 0;
  EXPECT_TRUE(eventually([&] {
    share = busy_share(domain);
    return share > 0.18 && share < 0.22;
  })) << "share "
      << share;
}

TEST_F(Tuning, MemoryLimitIsHitAndLifted) {
  root_.set_init(
      ": > /ready\nwhile :; do\n"
      "if [ -e /go ]; then rm /go; dd if=/dev/zero of=/dev/null bs=40M count=1 2>/dev/null; echo $? > /verdict.new\n"
      "mv /verdict.new /verdict; fi\nsleep 0.05\ndone\n");
  const Domain domain = create(xml("memory", root_));
  ASSERT_TRUE(root_.wait_ready());
  const auto try_allocation = [&] {
    root_.remove("verdict");
    root_.write("go", "");
    return root_.wait_for("verdict") ? root_.read("verdict") : "none";
  };
  EXPECT_EQ(memory(domain)["hard_limit"], Value(65536ULL));
  EXPECT_EQ(memory(domain)["soft_limit"], Value(kUnlimited));
  EXPECT_EQ(try_allocation(), "0\n");
  ASSERT_TRUE(ok(set_memory(domain, {{"hard_limit", 20480ULL}, {"soft_limit", 10240ULL}})));
  EXPECT_EQ(memory(domain)["hard_limit"], Value(20480ULL));
  EXPECT_EQ(memory(domain)["soft_limit"], Value(10240ULL));
  EXPECT_EQ(try_allocation(), "137\n") << "killed";
  ASSERT_TRUE(ok(set_memory(domain, {{"hard_limit", kUnlimited}, {"soft_limit", kUnlimited}})));
  EXPECT_EQ(memory(domain)["hard_limit"], Value(kUnlimited));
  EXPECT_EQ(try_allocation(), "0\n");
}

TEST_F(Tuning, SwapLimitMustNotBeBelowMemory) {
  const Domain domain = define_and_start(xml("swap", root_));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG,
                         set_memory(domain, {{"hard_limit", 40000ULL}, {"swap_hard_limit", 30000ULL}}, kConfig)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set_memory(domain, {{"hard_limit", kUnlimited + 1}}, kConfig)));
  ASSERT_TRUE(ok(set_memory(domain, {{"swap_hard_limit", 50000ULL}, {"hard_limit", 40000ULL}}, kConfig)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set_memory(domain, {{"hard_limit", 60000ULL}}, kConfig)));
  ASSERT_TRUE(ok(set_memory(domain, {{"swap_hard_limit", 80000ULL}, {"hard_limit", 60000ULL}}, kConfig)));
  EXPECT_EQ(memory(domain, kConfig)["swap_hard_limit"], Value(80000ULL));
}

TEST_F(Tuning, G7_CurrentMemoryIsTheLimitAlsoAfterTheNextStart) {
  SKIP_ON_STOCK("the limit at boot is the maximum (G7)");
  const Domain domain = define_and_start(xml("balloon", root_));
  ASSERT_TRUE(ok(virDomainSetMemoryFlags(domain, 32768, kLive | kConfig)));
  EXPECT_EQ(memory(domain)["hard_limit"], Value(32768ULL));
  EXPECT_EQ(xpath(dump(domain), "string(//currentMemory)"), "32768");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_EQ(memory(domain)["hard_limit"], Value(32768ULL));
  ASSERT_TRUE(ok(virDomainSetMemory(domain, 65536)));
  EXPECT_EQ(memory(domain)["hard_limit"], Value(65536ULL));
}

TEST_F(Tuning, RulesOfSetMemory) {
  const Domain domain = define(xml("rules", root_));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainSetMemory(domain, 1000)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainSetMemoryFlags(domain, 65537, kConfig)));
  ASSERT_TRUE(ok(virDomainSetMaxMemory(domain, 40000)));
  EXPECT_EQ(xpath(dump(domain), "string(//currentMemory)"), "40000");
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainSetMaxMemory(domain, 50000)));
  ASSERT_TRUE(ok(virDomainSetMemoryFlags(domain, 50000, VIR_DOMAIN_MEM_MAXIMUM | kConfig)));
  EXPECT_EQ(virDomainGetMaxMemory(domain), 40000U);
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(//memory)"), "50000");
}

/// Of init: a process that enters joins the supervisor's cgroup.
std::string processors_inside(virDomainPtr domain) {
  return status_value(init_pid(domain), "Cpus_allowed_list");
}

TEST_F(Tuning, G10_PinsAndVcpuCountAreEnforced) {
  SKIP_ON_STOCK("vcpu count and pins are only stored (G10)");
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "needs two processors";
  DomainXml definition = xml("pins", root_);
  definition.elements = "  <vcpu>2</vcpu>\n";
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root_.wait_ready());
  const std::string everywhere = processors_inside(domain);
  ASSERT_TRUE(ok(virDomainSetVcpus(domain, 1)));
  EXPECT_EQ(virDomainGetVcpusFlags(domain, 0), 1);
  EXPECT_EQ(processors_inside(domain).find_first_of("-,"), std::string::npos) << processors_inside(domain);
  ASSERT_TRUE(ok(virDomainSetVcpus(domain, 2)));
  EXPECT_EQ(processors_inside(domain), everywhere);
  unsigned char second = 2, both = 3;
  ASSERT_TRUE(ok(virDomainPinVcpu(domain, 0, &second, 1)));
  ASSERT_TRUE(ok(virDomainPinVcpuFlags(domain, 1, &second, 1, kLive | kConfig)));
  EXPECT_EQ(processors_inside(domain), "1");
  unsigned char maps[2] = {};
  EXPECT_EQ(virDomainGetVcpuPinInfo(domain, 2, maps, 1, kLive), 2);
  EXPECT_EQ(maps[0], 2);
  EXPECT_EQ(virDomainGetVcpuPinInfo(domain, 2, maps, 1, kConfig), 2);
  EXPECT_NE(maps[0], 2);
  EXPECT_EQ(maps[1], 2);
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainPinVcpu(domain, 2, &second, 1)));
  ASSERT_TRUE(ok(virDomainPinVcpu(domain, 0, &both, 1)));
  EXPECT_EQ(processors_inside(domain), everywhere);
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainSetVcpus(domain, 3)));
  ASSERT_TRUE(ok(virDomainSetVcpusFlags(domain, 3, VIR_DOMAIN_VCPU_MAXIMUM | kConfig)));
  EXPECT_EQ(virDomainGetVcpusFlags(domain, VIR_DOMAIN_VCPU_MAXIMUM | kConfig), 3);
}

TEST_F(Tuning, G10_EmulatorPinHoldsTheSupervisor) {
  SKIP_ON_STOCK("emulatorpin is only stored (G10)");
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "needs two processors";
  DomainXml definition = xml("emulator", root_);
  definition.elements = "  <cputune><emulatorpin cpuset='1'/></cputune>\n";
  const Domain domain = create(definition);
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(status_value(id_of(domain), "Cpus_allowed_list"), "1");
  EXPECT_NE(processors_inside(domain), "1") << "the container itself is free";
  unsigned char first = 1, map = 0;
  ASSERT_TRUE(ok(virDomainPinEmulator(domain, &first, 1, 0)));
  EXPECT_EQ(status_value(id_of(domain), "Cpus_allowed_list"), "0");
  EXPECT_EQ(virDomainGetEmulatorPinInfo(domain, &map, 1, 0), 1);
  EXPECT_EQ(map, 1);
}

TEST_F(Tuning, G8_ForkBombMeetsItsLimit) {
  SKIP_ON_STOCK("no limit of processes (G8)");
  root_.set_init(
      ": > /ready\nwhile [ ! -e /go ]; do sleep 0.05; done\n"
      "(i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done) 2>/errors\n"
      "exec sleep 100000\n");  // a shell that cannot fork ends, and a new process there cannot be
  const Domain domain = create(xml("pids", root_));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(scheduler(domain)["pids_limit"], Value(16384ULL));
  ASSERT_TRUE(ok(set_scheduler(domain, {{"pids_limit", 20ULL}})));
  EXPECT_EQ(scheduler(domain)["pids_limit"], Value(20ULL));
  root_.write("go", "");
  EXPECT_TRUE(eventually([&] { return root_.read("errors").find("fork") != std::string::npos; }));
  EXPECT_EQ(xpath(dump(domain), "string(//*[local-name()='pids']/@limit)"), "20");
}

TEST_F(Tuning, G9_NumaNodesetIsEnforced) {
  SKIP_ON_STOCK("no numatune at run time (G9)");
  DomainXml definition = xml("numa", root_);
  definition.elements = "  <numatune><memory mode='strict' nodeset='0'/></numatune>\n";
  const Domain domain = create(definition);
  Values values = get(virDomainGetNumaParameters, domain);
  EXPECT_EQ(values["numa_mode"], Value(0));
  EXPECT_EQ(values["numa_nodeset"], Value(std::string("0")));
  EXPECT_EQ(control_file(domain, "cpuset/cpuset.mems", "cpuset.mems"), "0\n");
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set_numa(domain, {{"numa_nodeset", std::string("x")}})));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, set_numa(domain, {{"numa_mode", 1}})));
  ASSERT_TRUE(ok(set_numa(domain, {{"numa_nodeset", std::string("0")}})));
}

TEST_F(Tuning, PreferredAndInterleavedNodesAreThePolicyInside) {
  SKIP_ON_STOCK("no numatune at run time (G9)");
  if (!exists("/proc/self/numa_maps")) GTEST_SKIP() << "this kernel knows no NUMA";
  root_.set_init(std::string("cat /proc/self/numa_maps >/policy\n") + init::kObedient);
  const std::pair<const char*, const char*> modes[] = {{"preferred", "prefer:0 "}, {"interleave", "interleave:0 "}};
  for (const auto& [mode, policy] : modes) {
    DomainXml definition = xml("numa", root_);
    definition.elements = std::string("  <numatune><memory mode='") + mode + "' nodeset='0'/></numatune>\n";
    const Domain domain = create(definition);
    ASSERT_TRUE(root_.wait_ready());
    EXPECT_NE(root_.read("policy").find(policy), std::string::npos) << root_.read("policy");
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
  }
  DomainXml absent = xml("numa", root_);
  absent.elements = "  <numatune><memory mode='interleave' nodeset='63'/></numatune>\n";
  const Domain domain = define(absent);
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("memory policy"), std::string::npos) << describe(last_failure());
}

TEST_F(Tuning, G9_MemoryIsTakenFromTheNodeAndFollowsIt) {
  SKIP_ON_STOCK("no numatune at run time (G9)");
  if (!exists("/sys/devices/system/node/node1")) GTEST_SKIP() << "this host has one NUMA node";
  root_.set_init(init::kDeaf);
  DomainXml definition = xml("numa", root_);
  definition.elements = "  <numatune><memory mode='strict' nodeset='1'/></numatune>\n";
  const Domain domain = create(definition);
  ASSERT_TRUE(wait_for_init(domain));
  // Lines of numa_maps(5) with anonymous pages only: "... anon=2 ... N1=2". The files' may be cached on any node.
  const auto pages = [&] {
    std::set<std::string> nodes;
    std::istringstream maps(read_text("/proc/" + std::to_string(init_pid(domain)) + "/numa_maps"));
    for (std::string line; std::getline(maps, line);)
      for (const char* node : {"N0", "N1"})
        if (line.find(" anon=") != line.npos && line.find(" file=") == line.npos &&
            line.find(std::string(" ") + node + "=") != line.npos)
          nodes.insert(node);
    return nodes;
  };
  EXPECT_EQ(pages(), std::set<std::string>{"N1"});
  ASSERT_TRUE(ok(set_numa(domain, {{"numa_nodeset", std::string("0")}})));
  EXPECT_EQ(control_file(domain, "cpuset/cpuset.mems", "cpuset.mems"), "0\n");
  EXPECT_TRUE(eventually([&] { return pages() == std::set<std::string>{"N0"}; }));
}

/// A file system of its own on a loop device, to be throttled.
class LoopDisk {
 public:
  LoopDisk() {
    const std::string image = folder_ + "/image";
    const auto made = shell("truncate -s 32M " + image + " && mkfs.ext4 -q -F " + image + " && mkdir " + mounted() +
                            " && losetup -f --show " + image);
    device_ = made.text.substr(0, made.text.find('\n'));
    const auto filled = shell("mount " + device_ + " " + mounted() + " && dd if=/dev/zero of=" + mounted() +
                              "/data bs=1M count=16 conv=fsync 2>&1");
    ready_ = made.status == 0 && filled.status == 0;
    if (!ready_) problem_ = made.text + filled.text;
  }
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;
  ~LoopDisk() { shell("umount " + mounted() + "; losetup -d " + device_); }
  bool ready() const { return ready_; }
  const std::string& problem() const { return problem_; }
  const std::string& device() const { return device_; }
  std::string mounted() const { return folder_ + "/mounted"; }

 private:
  const std::string folder_ = make_folder("disk");
  std::string device_, problem_;
  bool ready_ = false;
};

TEST_F(Tuning, BlockRateIsThrottledAndFreed) {
  SKIP_ON_STOCK("its own test of this needs a block device in the definition");
  if (!have_program("mkfs.ext4") || !have_program("losetup")) GTEST_SKIP() << "needs mkfs.ext4 and losetup";
  LoopDisk disk;
  if (!disk.ready()) GTEST_SKIP() << "no loop device: " << disk.problem();
  root_.set_init(
      ": > /ready\nwhile :; do\nif [ -e /go ]; then\n"
      "dd if=/disk/data of=/dev/null iflag=direct bs=256k count=$(cat /go) 2>/dev/null; echo $? > /done.new\n"
      "rm /go; mv /done.new /done; fi\nsleep 0.02\ndone\n");
  DomainXml definition = xml("blkio", root_);
  definition.devices = mount_filesystem(disk.mounted(), "/disk");
  const Domain domain = create(definition);
  ASSERT_TRUE(root_.wait_ready());
  const auto read_megabytes = [&](int count) {
    root_.remove("done");
    root_.write("go.new", std::to_string(4 * count));
    return milliseconds_of([&] {
      std::rename((root_ / "go.new").c_str(), (root_ / "go").c_str());
      EXPECT_TRUE(root_.wait_for_text("done", "0\n"));
    });
  };
  const std::string limit = disk.device() + ",4194304";
  ASSERT_TRUE(ok(set_block(domain, {{"device_read_bytes_sec", limit}})));
  EXPECT_EQ(get(virDomainGetBlkioParameters, domain)["device_read_bytes_sec"], Value(limit));
  EXPECT_EQ(get(virDomainGetBlkioParameters, domain)["device_write_bytes_sec"], Value(std::string()));
  EXPECT_GT(read_megabytes(8), 1700) << "8 MiB at 4 MiB/s";
  ASSERT_TRUE(ok(set_block(domain, {{"device_read_bytes_sec", disk.device() + ",0"}})));
  EXPECT_EQ(get(virDomainGetBlkioParameters, domain)["device_read_bytes_sec"], Value(std::string()));
  EXPECT_TRUE(eventually([&] { return read_megabytes(16) < 2000; })) << "4 s if it were throttled";
}

TEST_F(Tuning, BlockThrottleOfTheDefinitionHoldsFromTheStart) {
  SKIP_ON_STOCK("its own test of this needs a block device in the definition");
  if (!have_program("mkfs.ext4") || !have_program("losetup")) GTEST_SKIP() << "needs mkfs.ext4 and losetup";
  LoopDisk disk;
  if (!disk.ready()) GTEST_SKIP() << "no loop device: " << disk.problem();
  DomainXml definition = xml("blkio", root_);
  definition.elements = "  <blkiotune><device><path>" + disk.device() +
                        "</path><read_iops_sec>500</read_iops_sec><write_bytes_sec>1048576</write_bytes_sec></device>"
                        "</blkiotune>\n";
  const Domain domain = create(definition);
  Values values = get(virDomainGetBlkioParameters, domain);
  EXPECT_EQ(values["device_read_iops_sec"], Value(disk.device() + ",500"));
  EXPECT_EQ(values["device_write_bytes_sec"], Value(disk.device() + ",1048576"));
}

TEST_F(Tuning, BadBlockParameters) {
  SKIP_ON_STOCK("some of these are stored without a look");
  const Domain domain = create(xml("blkio", root_));
  EXPECT_TRUE(
      fails_with(VIR_ERR_INVALID_ARG, set_block(domain, {{"device_read_bytes_sec", std::string("/dev/null")}})));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set_block(domain, {{"device_weight", std::string("/dev/sda,x")}})));
  EXPECT_TRUE(
      fails_with(VIR_ERR_SYSTEM_ERROR, set_block(domain, {{"device_read_bytes_sec", std::string("/no/such,5")}})));
  EXPECT_TRUE(
      fails_with(VIR_ERR_SYSTEM_ERROR, set_block(domain, {{"device_read_bytes_sec", std::string("/dev/null,5")}})));
  EXPECT_EQ(xpath(dump(domain), "count(//blkiotune)"), "0");
}

}  // namespace
