// A container sees its own limits and use: /proc/meminfo, swaps, cpuinfo, stat, uptime, loadavg, diskstats and the list
// of CPUs, and what programs make of them.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <random>
#include <sstream>

#include "base/fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

constexpr unsigned long kMemoryKib = 48 * 1024;

/// "MemTotal" of a meminfo in KiB, -1 if there is none.
long kib_of(const std::string& meminfo, const std::string& key) {
  std::istringstream lines(meminfo);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + ":")) return std::stol(line.substr(key.size() + 1));
  return -1;
}

long count_processors(const std::string& cpuinfo) {
  long count = 0;
  std::istringstream lines(cpuinfo);
  for (std::string line; std::getline(lines, line);) count += line.starts_with("processor") ? 1 : 0;
  return count;
}

bool has_lxcfs() {
  return exists("/var/lib/lxcfs/proc/meminfo");
}

bool has_two_cpus() {
  return sysconf(_SC_NPROCESSORS_ONLN) >= 2 && read_text("/sys/devices/system/cpu/online").starts_with("0-");
}

void write_control(const std::string& path, const std::string& text) {
  const base::Fd file = base::open_file(path, O_WRONLY);
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size())) << path;
}

class InsideViewTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("it shows /proc/meminfo only"); }

  /// The host's own programs, for an image that has none.
  static DomainXml with_host_programs(const std::string& word, Rootfs& root) {
    for (const char* name : {"lib", "lib64"})
      if (fs::is_symlink("/" + std::string(name))) fs::create_symlink("usr/" + std::string(name), root / name);
    fs::create_directory(root / "usr");
    DomainXml definition = limited(word, root);
    definition.devices = mount_filesystem("/usr", "/usr", true);
    return definition;
  }
  static DomainXml limited(const std::string& word, const Rootfs& root) {
    DomainXml definition = xml(word, root);
    definition.memory_kib = kMemoryKib;
    return definition;
  }
  static std::string mapped() {
    return "  <idmap><uid start='0' target='200000' count='65536'/>"
           "<gid start='0' target='200000' count='65536'/></idmap>\n";
  }
  static std::string on_cpu(const std::string& cpus) { return "  <vcpu cpuset='" + cpus + "'>1</vcpu>\n"; }
  /// What a process of the container gets, asked for from here.
  static std::string inside(virDomainPtr domain, const std::string& path) {
    return "/proc/" + std::to_string(init_pid(domain)) + "/root" + path;
  }
  static std::string read_inside(virDomainPtr domain, const std::string& path) {
    return read_text(inside(domain, path));
  }
  static void expect_one_cpu(virDomainPtr domain, const std::string& cpu) {
    cpu_set_t set;  // what nproc counts; a command entered from here is in no cgroup of the container
    ASSERT_EQ(sched_getaffinity(init_pid(domain), sizeof set, &set), 0);
    EXPECT_EQ(CPU_COUNT(&set), 1);
    EXPECT_TRUE(CPU_ISSET(std::stoi(cpu), &set));
    EXPECT_EQ(read_inside(domain, "/sys/devices/system/cpu/online"), cpu + "\n");
    const std::string cpuinfo = read_inside(domain, "/proc/cpuinfo");
    EXPECT_EQ(count_processors(cpuinfo), 1) << cpuinfo;
    EXPECT_NE(cpuinfo.find(": " + cpu + "\n"), std::string::npos) << cpuinfo;
  }
};

/// The supervisor's files. lxcfs's tell each who asks of the cgroup he is in, so that they cannot be read from here.
class OwnViewTest : public InsideViewTest {
 protected:
  void SetUp() override {
    InsideViewTest::SetUp();
    if (has_lxcfs()) GTEST_SKIP() << "this host has lxcfs";
  }
};

TEST_F(OwnViewTest, MeminfoShowsTheLimit) {
  Rootfs root;
  const Domain domain = create(limited("view", root));
  const std::string text = read_inside(domain, "/proc/meminfo");
  EXPECT_EQ(kib_of(text, "MemTotal"), static_cast<long>(kMemoryKib));
  EXPECT_LE(kib_of(text, "MemFree"), static_cast<long>(kMemoryKib));
  EXPECT_GE(kib_of(text, "MemAvailable"), kib_of(text, "MemFree"));
  EXPECT_GT(kib_of(text, "MemFree"), static_cast<long>(kMemoryKib) / 2) << "a shell needs little";
  EXPECT_EQ(kib_of(text, "Buffers"), 0);
  EXPECT_EQ(enter(domain, {"/bin/cat", "/proc/meminfo"}).text.substr(0, 28), text.substr(0, 28)) << "by sendfile(2)";
}

TEST_F(InsideViewTest, FreeAndNprocTellTheTruth) {
  for (const char* program : {"/usr/bin/free", "/usr/bin/nproc"})
    if (!exists(program)) GTEST_SKIP() << "no " << program << " on this host";
  if (!has_two_cpus()) GTEST_SKIP() << "needs two CPUs";
  Rootfs root;
  DomainXml definition = with_host_programs("view", root);
  definition.elements = on_cpu("1");
  // By full name, or busybox's shell takes its own, whose free asks sysinfo(2): that is the host's.
  root.set_init(
      "/usr/bin/free -k > /free\n/usr/bin/nproc > /cpus\n/usr/bin/getconf _NPROCESSORS_ONLN >> /cpus\n"
      "busybox nproc >> /cpus\n" +
      std::string(init::kObedient));
  create(definition);
  ASSERT_TRUE(root.wait_ready());
  std::istringstream words(root.read("free"));
  std::string heading, word;
  std::getline(words, heading);
  unsigned long total = 0, used = 0, free = 0;
  words >> word >> total >> used >> free;
  EXPECT_EQ(total, kMemoryKib);
  EXPECT_LT(used, kMemoryKib / 2);
  EXPECT_LE(used + free, kMemoryKib);
  EXPECT_EQ(root.read("cpus"), "1\n1\n1\n") << "by affinity, by the list in /sys (glibc), by affinity";
}

TEST_F(OwnViewTest, UseIsTheContainersOwn) {
  Rootfs root;
  DomainXml definition = limited("view", root);
  definition.devices = "    <filesystem type='ram'><source usage='32' units='MiB'/><target dir='/mnt'/></filesystem>\n";
  root.set_init("dd if=/dev/zero of=/mnt/file bs=1M count=16 2>/dev/null\n: > /ready\nsleep 100000\n");
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_ready());
  const std::string text = read_inside(domain, "/proc/meminfo");
  EXPECT_GE(kib_of(text, "Shmem"), 16 * 1024) << text;
  EXPECT_GE(kib_of(text, "Cached"), 16 * 1024) << text;
  EXPECT_LE(kib_of(text, "MemFree"), static_cast<long>(kMemoryKib) - 16 * 1024) << text;
}

TEST_F(OwnViewTest, SwapIsWhatIsAllowed) {
  Rootfs root;
  DomainXml definition = limited("view", root);
  definition.elements =
      "  <memtune><swap_hard_limit unit='KiB'>" + std::to_string(2 * kMemoryKib) + "</swap_hard_limit></memtune>\n";
  const Domain domain = create(definition);
  const long host = kib_of(read_text("/proc/meminfo"), "SwapTotal");
  const long expected = std::min(host, static_cast<long>(kMemoryKib));
  EXPECT_EQ(kib_of(read_inside(domain, "/proc/meminfo"), "SwapTotal"), expected);
  const std::string swaps = read_inside(domain, "/proc/swaps");
  EXPECT_TRUE(swaps.starts_with("Filename")) << swaps;
  EXPECT_EQ(swaps.find("/dev/"), std::string::npos) << "the host's devices are no business of the container: " << swaps;
  EXPECT_EQ(swaps.find("virtual") != std::string::npos, expected > 0) << swaps;
}

TEST_F(OwnViewTest, AChangedLimitShowsAtOnce) {
  Rootfs root;
  const Domain domain = create(limited("view", root));
  const base::Fd open = base::open_file(inside(domain, "/proc/meminfo"), O_RDONLY);  // before the change
  const std::string folder = limits_folder(domain, "memory");
  const std::string file = folder + (exists(folder + "/memory.max") ? "/memory.max" : "/memory.limit_in_bytes");
  for (const long mib : {96, 24}) {
    write_control(file, std::to_string(mib * 1024 * 1024));
    EXPECT_EQ(kib_of(read_inside(domain, "/proc/meminfo"), "MemTotal"), mib * 1024);
    char text[4096] = {};
    ASSERT_GT(::pread(open.get(), text, sizeof text - 1, 0), 0);
    EXPECT_EQ(kib_of(text, "MemTotal"), mib * 1024);
    const std::string seen = enter(domain, {"/bin/cat", "/proc/meminfo"}).text;
    EXPECT_EQ(kib_of(seen, "MemTotal"), mib * 1024);
    EXPECT_NE(seen.find("\nDirectMap"), std::string::npos) << "to its end";
  }
}

TEST_F(OwnViewTest, CpusAreThoseOfTheSet) {
  if (!has_two_cpus()) GTEST_SKIP() << "needs two CPUs";
  Rootfs root;
  DomainXml definition = limited("view", root);
  definition.elements = on_cpu("1");
  const Domain domain = create(definition);
  expect_one_cpu(domain, "1");
  const std::string folder = limits_folder(domain, "cpuset");
  if (exists(folder + "/payload/cpuset.cpus")) {  // v1: a parent covers its children at every moment
    write_control(folder + "/cpuset.cpus", "0-1");
    write_control(folder + "/payload/cpuset.cpus", "0");
  }
  write_control(folder + "/cpuset.cpus", "0");
  expect_one_cpu(domain, "0");
}

TEST_F(OwnViewTest, AllCpusWithoutASet) {
  Rootfs root;
  const Domain domain = create(limited("view", root));
  EXPECT_EQ(read_inside(domain, "/sys/devices/system/cpu/online"), read_text("/sys/devices/system/cpu/online"));
  EXPECT_EQ(count_processors(read_inside(domain, "/proc/cpuinfo")), count_processors(read_text("/proc/cpuinfo")));
}

/// A line of a text that begins with `key` and a blank, without them; empty if there is none.
std::string line_of(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + " ")) return line.substr(key.size() + 1);
  return "";
}
double first_number(const std::string& text) {
  return text.empty() ? -1 : std::stod(text);
}
constexpr long kTicks = 100;  // a second has, in /proc

TEST_F(OwnViewTest, TimeBeginsWithTheContainer) {
  if (!exists("/proc/self/ns/time")) GTEST_SKIP() << "no time namespaces here";
  ASSERT_GT(first_number(read_text("/proc/uptime")), 100) << "or nothing could be told apart";
  Rootfs root;
  root.set_init(
      "cat /proc/uptime > /up\ncat /proc/self/stat > /self\ncat /proc/stat > /stat\ndate +%s > /now\n"
      "busybox uptime > /program\nbusybox ps -o pid,etime,args > /processes\n" +
      std::string(init::kObedient));
  const Domain domain = create(limited("view", root));
  ASSERT_TRUE(root.wait_ready());
  const double up = first_number(root.read("up")),
               idle = first_number(root.read("up").substr(root.read("up").find(' ')));
  EXPECT_LT(up, 60);
  EXPECT_LE(idle, up * sysconf(_SC_NPROCESSORS_ONLN) + 0.1);
  EXPECT_GE(idle, 0);
  const long now = std::stol(root.read("now")), btime = std::stol(line_of(root.read("stat"), "btime"));
  EXPECT_NEAR(static_cast<double>(now - btime), up, 3);
  std::istringstream self(root.read("self").substr(root.read("self").rfind(')') + 2));  // from the third field on
  std::string word;
  for (int field = 3; field <= 22; ++field) self >> word;
  EXPECT_NEAR(static_cast<double>(btime + std::stol(word) / kTicks), static_cast<double>(now), 3) << "what ps shows";
  EXPECT_NE(root.read("program").find("up 0 min"), std::string::npos) << "by sysinfo(2): " << root.read("program");
  // Who comes in with libvirt's six namespaces has the host's clock, by which all processes began then.
  EXPECT_NEAR(first_number(enter(domain, {"/bin/cat", "/proc/uptime"}).text), first_number(read_text("/proc/uptime")),
              3);
  EXPECT_NEAR(first_number(line_of(enter(domain, {"/bin/cat", "/proc/stat"}).text, "btime")),
              first_number(line_of(read_text("/proc/stat"), "btime")), 2);
}

TEST_F(OwnViewTest, StatCountsItsOwnProcessors) {
  if (!has_two_cpus()) GTEST_SKIP() << "needs two CPUs";
  Rootfs root;
  root.set_init(": > /ready\nwhile :; do :; done\n");
  DomainXml definition = limited("view", root);
  definition.elements = on_cpu("1");
  const auto before = std::chrono::steady_clock::now();
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_ready());
  EXPECT_TRUE(eventually([&] { return first_number(line_of(read_inside(domain, "/proc/stat"), "cpu1")) >= 20; }))
      << read_inside(domain, "/proc/stat");
  EXPECT_TRUE(eventually([&] { return line_of(read_inside(domain, "/proc/stat"), "procs_running") == "1"; }))
      << read_inside(domain, "/proc/stat");
  const std::string stat = read_inside(domain, "/proc/stat");
  EXPECT_EQ(line_of(stat, "cpu0"), "") << stat;
  std::istringstream total(line_of(stat, "cpu")), one(line_of(stat, "cpu1"));
  long user = 0, nice = 0, system = 0, idle = 0, total_user = 0, total_nice = 0, total_system = 0, total_idle = 0;
  total >> total_user >> total_nice >> total_system >> total_idle;
  one >> user >> nice >> system >> idle;
  EXPECT_NEAR(static_cast<double>(total_idle), static_cast<double>(idle), 2) << stat;
  EXPECT_GE(total_user + total_system, user + system) << stat;
  const double up = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  EXPECT_LE(static_cast<double>(user + system + idle) / kTicks, up + 0.1) << "not longer than it has been there";
  EXPECT_GE(static_cast<double>(user + system + idle) / kTicks, up - 5);
  EXPECT_EQ(line_of(stat, "ctxt"), "0");
  EXPECT_GE(first_number(line_of(stat, "processes")), 1);
  EXPECT_LT(first_number(line_of(stat, "processes")), 1000) << "those of its own pid namespace";
  EXPECT_GT(first_number(line_of(read_text("/proc/stat"), "processes")), 1000) << "the host's: or this shows nothing";
}

TEST_F(OwnViewTest, LoadIsItsOwnAndNobodyWakesForIt) {
  Rootfs busy_root(": > /ready\n(while :; do :; done) &\nwhile :; do :; done\n"), idle_root;
  const Domain busy = create(limited("busy", busy_root)), idle = create(limited("idle", idle_root));
  ASSERT_TRUE(busy_root.wait_ready() && idle_root.wait_ready());
  std::string load;
  ASSERT_TRUE(eventually([&] { return first_number(load = read_inside(busy, "/proc/loadavg")) > 0.05; })) << load;
  const std::string quiet = read_inside(idle, "/proc/loadavg");
  double one = 0, five = 0, fifteen = 0;
  int running = 0, all = 0, last = 0;
  ASSERT_EQ(std::sscanf(load.c_str(), "%lf %lf %lf %d/%d %d\n", &one, &five, &fifteen, &running, &all, &last), 6)
      << load;
  EXPECT_LT(one, 2) << load;
  EXPECT_GE(one, five);
  EXPECT_GE(five, fifteen);
  EXPECT_EQ(running, 2) << load;
  EXPECT_EQ(all, 2) << load;
  EXPECT_GE(last, 2) << load;
  EXPECT_LT(last, 100) << load;
  ASSERT_EQ(std::sscanf(quiet.c_str(), "%lf %lf %lf %d/%d %d\n", &one, &five, &fifteen, &running, &all, &last), 6)
      << quiet;
  EXPECT_LT(one, 0.1) << quiet;
}

TEST_F(OwnViewTest, MappedIdsSeeTheSame) {
  if (!has_two_cpus()) GTEST_SKIP() << "needs two CPUs";
  Rootfs root;
  root.set_init("head -n 1 /proc/meminfo > /seen\nstat -c '%u %a' /proc/meminfo >> /seen\n" +
                std::string(init::kObedient));
  root.give_to(200000);
  DomainXml definition = limited("view", root);
  definition.elements = on_cpu("1") + mapped();
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_ready());
  EXPECT_EQ(root.read("seen"), "MemTotal:          49152 kB\n0 444\n");
  expect_one_cpu(domain, "1");
}

TEST_F(InsideViewTest, EverybodyInsideReads) {
  Rootfs root;
  DomainXml definition = limited("view", root);
  root.script("sbin/look", "head -n 1 /proc/meminfo > /tmp/seen.new\nmv /tmp/seen.new /tmp/seen\nsleep 100000\n");
  fs::permissions(root / "tmp", fs::perms::all);
  definition.init = "/sbin/look";
  definition.os = "    <inituser>worker</inituser>\n";
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_for("tmp/seen"));
  EXPECT_EQ(root.read("tmp/seen"), "MemTotal:          49152 kB\n");
}

TEST_F(OwnViewTest, AnyOffsetAndSizeReadTheSame) {
  Rootfs root;
  const Domain domain = create(limited("view", root));
  for (const char* path : {"/proc/cpuinfo", "/proc/swaps", "/proc/diskstats", "/sys/devices/system/cpu/online"}) {
    const base::Fd file = base::open_file(inside(domain, path), O_RDONLY);
    // The clock of a CPU changes as we look; nothing else does.
    const auto steady = [](std::string text) {
      for (std::size_t at = 0; (at = text.find("cpu MHz", at)) != std::string::npos; at++)
        for (std::size_t i = at; i < text.size() && text[i] != '\n'; i++)
          if (isdigit(static_cast<unsigned char>(text[i]))) text[i] = '0';
      return text;
    };
    const std::string whole = steady(read_inside(domain, path));
    ASSERT_TRUE(!whole.empty() || std::string(path) == "/proc/diskstats") << path;
    std::string pieces;
    char byte[3];
    for (ssize_t got; (got = ::pread(file.get(), byte, sizeof byte, static_cast<off_t>(pieces.size()))) > 0;)
      pieces.append(byte, static_cast<std::size_t>(got));
    EXPECT_EQ(steady(pieces), whole) << path;
  }
  const base::Fd file = base::open_file(inside(domain, "/proc/meminfo"), O_RDONLY);
  std::mt19937_64 random(1);
  std::string buffer(1 << 20, '\0');
  for (int round = 0; round < 300; round++) {
    const auto offset = static_cast<off_t>(round % 3 == 0 ? random() >> 2 : random() % 2000);
    const auto size = static_cast<std::size_t>(random() % buffer.size());
    const ssize_t got = ::pread(file.get(), buffer.data(), size, offset);
    if (got < 0) {
      EXPECT_EQ(errno, EINVAL) << offset;  // beyond what a file system can have
    }
    EXPECT_LE(got, 4096);
  }
  EXPECT_EQ(kib_of(read_inside(domain, "/proc/meminfo"), "MemTotal"), static_cast<long>(kMemoryKib));
}

TEST_F(OwnViewTest, NobodyWrites) {
  Rootfs root;
  const Domain domain = create(limited("view", root));
  for (const char* command : {": >> /proc/meminfo", "mount -o remount,rw /proc/swaps; : >> /proc/swaps",
                              "chmod 777 /proc/cpuinfo", "rm -f /proc/meminfo"})
    EXPECT_NE(enter_shell(domain, command).status, 0) << command;
  EXPECT_EQ(kib_of(read_inside(domain, "/proc/meminfo"), "MemTotal"), static_cast<long>(kMemoryKib));
}

TEST_F(OwnViewTest, ABusyReaderStarvesNobody) {
  Rootfs root(init::kEcho);
  const Domain domain = create(limited("view", root));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console && root.wait_ready());
  ASSERT_EQ(enter_shell(domain,
                        "for i in 1 2 3 4 5 6 7 8; do while cat /proc/meminfo /proc/cpuinfo; do :; done "
                        ">/dev/null 2>&1 & done; : > /busy; exit 0")
                .status,
            0);
  ASSERT_TRUE(root.wait_for("busy"));
  console->type("still here\n");
  EXPECT_TRUE(console->wait_for("echo: still here")) << console->text();
  EXPECT_TRUE(ok(virDomainSuspend(domain))) << "in the middle of reading";
  EXPECT_TRUE(ok(virDomainResume(domain)));
  EXPECT_TRUE(ok(virDomainDestroy(domain))) << "in the middle of reading";
}

TEST_F(OwnViewTest, ABlockedReaderIsLetGoWhenTheContainerEnds) {
  Rootfs root;
  const Domain domain = create(limited("view", root));
  const base::Fd file = base::open_file(inside(domain, "/proc/meminfo"), O_RDONLY);
  const auto supervisor = static_cast<pid_t>(virDomainGetID(domain));
  ASSERT_EQ(kill(supervisor, SIGSTOP), 0);
  std::promise<pid_t> thread;
  auto blocked = std::async(std::launch::async, [&] {
    thread.set_value(gettid());
    char text[64];
    return ::pread(file.get(), text, sizeof text, 0);
  });
  const std::string where = "/proc/self/task/" + std::to_string(thread.get_future().get()) + "/wchan";
  const auto waits = [&] {  // in request_wait_answer, or its caller where the kernel's compiler put the two together
    const std::string function = read_text(where);
    return function.find("request_wait_answer") != function.npos || function.find("fuse") != function.npos;
  };
  ASSERT_TRUE(eventually(waits)) << read_text(where);
  ASSERT_EQ(kill(supervisor, SIGKILL), 0);
  ASSERT_EQ(blocked.wait_for(patience()), std::future_status::ready);
  EXPECT_LT(blocked.get(), 0);
  EXPECT_TRUE(eventually([&] { return state_of(domain) != VIR_DOMAIN_RUNNING; }));
}

TEST_F(InsideViewTest, LxcfsIsUsedWhereItIsMounted) {
  if (!has_lxcfs()) GTEST_SKIP() << "no lxcfs on this host";
  Rootfs root;
  const Domain domain = create(limited("view", root));
  const std::string mounts = proc_file(init_pid(domain), "mountinfo");
  for (const char* file : {"/proc/meminfo", "/proc/stat", "/proc/uptime"})
    EXPECT_NE(mounts.find(std::string(" ") + file + " ro"), std::string::npos) << mounts;
  EXPECT_NE(mounts.find("fuse.lxcfs"), std::string::npos) << mounts;
}

}  // namespace
