// Group against the real kernel, below a partition of its own. Root only.
#include "cgroup/directory.hpp"
#include "cgroup/group.hpp"
#include "cgroup/stat_reader.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/error.hpp"
#include "base/pid_fd.hpp"

namespace cgroup {
namespace {

using std::chrono::milliseconds;
constexpr std::uint64_t kMiB = 1024 * 1024;

/// Where a process goes in, the way the supervisor and init do.
struct WayIn {
  base::Fd v2_directory;
  std::vector<base::Fd> v1_tasks;
};

WayIn supervisor_of(const Group& group) {
  return {group.supervisor_directory(), group.supervisor_tasks()};
}
WayIn payload_of(const Group& group) {
  return {group.payload_directory(), group.payload_tasks()};
}

/// Starts `run` in a child, born in v2, writing itself into v1.
pid_t start_in(const WayIn& place, const std::function<int()>& run) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (place.v2_directory) {
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<__aligned_u64>(place.v2_directory.get());
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid != 0) return pid;
  for (const auto& file : place.v1_tasks)
    if (::write(file.get(), "0", 1) != 1) ::_exit(100);
  ::_exit(run());
}

int exit_status(pid_t pid) {
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int pause_forever() {
  while (true) ::pause();
}

template <typename Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return false;
}

/// 0 or errno of opening a device.
int open_error(const char* path) {
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

/// A number a child counts up while it runs.
class Counter {
 public:
  Counter() : value_(new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Value) {}
  ~Counter() { ::munmap(value_, 4096); }
  unsigned long get() const { return value_->load(); }
  void add() const { value_->fetch_add(1); }
  int count() const {
    while (true) {
      add();
      ::usleep(50);
    }
  }
  bool moves() const {
    const unsigned long before = get();
    return eventually([&] { return get() != before; });
  }
  bool stands_still() const {
    const unsigned long before = get();
    std::this_thread::sleep_for(milliseconds(10));
    return get() == before;
  }

 private:
  using Value = std::atomic<unsigned long>;
  Value* value_;
};

/// One more idle child every 2 ms.
[[noreturn]] void fork_on() {
  while (true) {
    if (::fork() == 0) pause_forever();
    ::usleep(2000);
  }
}

enum class Hosts { AsItIs, V2Only };

class GroupKernel : public testing::TestWithParam<Hosts> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make cgroups";
    hierarchy_ = Hierarchy::detect();
    if (GetParam() == Hosts::V2Only) {
      const auto mounts = hierarchy_.mounts();
      const auto v2 = std::find_if(mounts.begin(), mounts.end(), [](const Mount& mount) { return mount.version == 2; });
      if (v2 == mounts.end()) GTEST_SKIP() << "no cgroup v2 mounted here";
      std::string controllers;
      for (const auto& name : v2->controllers) controllers += name + " ";
      hierarchy_ = Hierarchy::parse("5 0 0:5 / " + v2->path + " rw - cgroup2 cgroup2 rw\n", "0::/\n", controllers);
    }
    if (hierarchy_.mounts().empty()) GTEST_SKIP() << "no cgroup file system is mounted here";
    partition_ = "/lxcell-test-kern-" + std::to_string(::getpid());
  }

  void TearDown() override {
    for (const pid_t pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    for (const auto& mount : hierarchy_.mounts()) {
      const std::string path = mount.path + partition_;
      if (!used_by_containers(mount) || partition_.empty() || !std::filesystem::exists(path)) continue;
      EXPECT_EQ(::rmdir(path.c_str()), 0) << path << " is not empty: a group was left behind";
    }
  }

  Group create(const std::string& leaf, const Limits& limits = {}) {
    return Group::create(hierarchy_, partition_, leaf, limits);
  }
  pid_t start(const WayIn& place, const std::function<int()>& run) {
    const pid_t pid = start_in(place, run);
    EXPECT_GT(pid, 0) << strerror(errno);
    children_.push_back(pid);
    return pid;
  }
  int reap(pid_t pid) {
    std::erase(children_, pid);
    return exit_status(pid);
  }
  bool has(const char* controller) const { return hierarchy_.find(controller) != nullptr; }
  bool on_v1(const char* controller) const { return has(controller) && hierarchy_.find(controller)->version == 1; }
  std::size_t directories_named(const std::string& leaf) const {
    std::size_t count = 0;
    for (const auto& mount : hierarchy_.mounts())
      count += std::filesystem::exists(mount.path + partition_ + "/" + leaf);
    return count;
  }

  Hierarchy hierarchy_;
  std::string partition_;
  std::vector<pid_t> children_;
};

INSTANTIATE_TEST_SUITE_P(Host, GroupKernel, testing::Values(Hosts::AsItIs, Hosts::V2Only),
                         [](const auto& param) { return param.param == Hosts::AsItIs ? "AsItIs" : "V2Only"; });

TEST_P(GroupKernel, LimitsAreInForce) {
  Limits limits;
  if (has("memory")) limits.memory_bytes = 256 * kMiB;
  if (has("memory")) limits.memory_soft_bytes = 128 * kMiB;
  if (has("cpu")) limits.cpu_shares = 2;
  if (has("cpu")) limits.cpu_period_us = 50000;
  if (has("cpu")) limits.cpu_quota_us = 25000;
  if (has("cpuset")) limits.cpuset_cpus = "0";
  if (has("pids")) limits.pids_max = 123;
  if (limits == Limits{}) GTEST_SKIP() << "no resource controller in this hierarchy";
  const Group group = create("limits", limits);
  const Limits now = group.limits();
  EXPECT_EQ(now.memory_bytes, limits.memory_bytes);
  EXPECT_EQ(now.memory_soft_bytes, limits.memory_soft_bytes);
  EXPECT_EQ(now.cpu_shares, limits.cpu_shares);
  EXPECT_EQ(now.cpu_period_us, limits.cpu_period_us);
  EXPECT_EQ(now.cpu_quota_us, limits.cpu_quota_us);
  EXPECT_EQ(now.cpuset_cpus, limits.cpuset_cpus);
  EXPECT_EQ(now.pids_max, limits.pids_max);
  if (has("memory")) {
    EXPECT_EQ(group.usage(Ask::MemoryDetails).memory_limit_bytes, 256 * kMiB);
  }
}

TEST_P(GroupKernel, ProcessesAttachAreCountedAndKilled) {
  Group group = create("life");
  const Counter outside, counter;
  const pid_t supervisor = start(supervisor_of(group), [&] { return outside.count(); });
  ASSERT_TRUE(outside.moves());
  const pid_t payload = start(payload_of(group), [&] { return counter.count(); });
  ASSERT_TRUE(counter.moves());
  EXPECT_THAT(group.processes(), testing::UnorderedElementsAre(supervisor, payload));
  EXPECT_THAT(group.processes(Scope::Payload), testing::ElementsAre(payload));
  EXPECT_TRUE(eventually([&] { return group.usage(Ask::Cpu).cpu_ns > 0; }));

  EXPECT_FALSE(group.remove(milliseconds(0))) << "it is alive";
  group.kill(Scope::Payload);
  EXPECT_EQ(reap(payload), -SIGKILL);
  EXPECT_THAT(group.processes(), testing::ElementsAre(supervisor));
  group.kill();
  EXPECT_EQ(reap(supervisor), -SIGKILL);
  EXPECT_TRUE(group.remove(milliseconds(2000)));
  EXPECT_EQ(directories_named("life"), 0U);
}

TEST_P(GroupKernel, G2_P9_FreezeStopsThePayloadOnly) {
  Group group = create("freeze");
  const Counter inside, outside;
  start(supervisor_of(group), [&] { return outside.count(); });
  start(payload_of(group), [&] { return inside.count(); });
  ASSERT_TRUE(inside.moves() && outside.moves());
  EXPECT_FALSE(group.frozen());
  const auto begin = std::chrono::steady_clock::now();
  group.freeze();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(500));
  EXPECT_TRUE(group.frozen());
  EXPECT_TRUE(inside.stands_still());
  EXPECT_TRUE(outside.moves());
  EXPECT_TRUE(Group::open(hierarchy_, partition_, "freeze")->frozen()) << "as a restarted daemon sees it (D4)";
  group.thaw();
  EXPECT_FALSE(group.frozen());
  EXPECT_TRUE(inside.moves());
  group.kill();
  while (!children_.empty()) reap(children_.front());
  EXPECT_TRUE(group.remove(milliseconds(2000)));
}

TEST_P(GroupKernel, D4_KillingAFrozenGroupWorks) {
  Group group = create("frozen");
  const Counter counter;
  const pid_t payload = start(payload_of(group), [&] { return counter.count(); });
  ASSERT_TRUE(counter.moves());
  group.freeze();
  group.kill();
  EXPECT_EQ(reap(payload), -SIGKILL);
  EXPECT_TRUE(group.remove(milliseconds(2000)));
}

TEST_P(GroupKernel, KillOutrunsForks) {
  Group group = create("forks");
  const pid_t payload = start(payload_of(group), [] {
    ::signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 4; ++i)
      if (::fork() == 0) fork_on();
    return pause_forever();
  });
  ASSERT_TRUE(eventually([&] { return group.processes().size() > 10; }));
  group.kill();
  EXPECT_EQ(reap(payload), -SIGKILL);
  EXPECT_TRUE(eventually([&] { return group.processes().empty(); }));
  EXPECT_TRUE(group.remove(milliseconds(2000)));
}

TEST_P(GroupKernel, RemoveWaitsForTheDying) {
  Group group = create("dying");
  const Counter counter;
  const pid_t payload = start(payload_of(group), [&] {
    counter.add();
    ::usleep(20000);
    return 0;
  });
  ASSERT_TRUE(eventually([&] { return counter.get() > 0; })) << "attached in every hierarchy";
  EXPECT_TRUE(group.remove(milliseconds(2000)));
  EXPECT_EQ(reap(payload), 0);
  EXPECT_EQ(directories_named("dying"), 0U);
}

TEST_P(GroupKernel, RemoveTakesWhatTheContainerMade) {
  Group group = create("nested");
  for (const auto& directory : group.payload_directories())
    std::filesystem::create_directories(directory + "/system.slice/getty.service");
  EXPECT_TRUE(group.remove(milliseconds(100)));
  EXPECT_EQ(directories_named("nested"), 0U);
}

TEST_P(GroupKernel, GroupsBelowAreSeenAsTheyComeAndGo) {
  Group group = create("below");
  const auto payloads = group.payload_directories();
  const auto payload = std::ranges::find_if(payloads, [](const auto& path) { return path.ends_with("/payload"); });
  if (payload == payloads.end()) GTEST_SKIP() << "no leaf of its own for the payload";
  const std::filesystem::path leaf = *payload;
  const auto directory = Directory::open(leaf.parent_path());
  ASSERT_TRUE(directory);
  for (const Keep keep : {Keep::Closed, Keep::Open}) {
    StatReader reader;
    EXPECT_FALSE(reader.has_groups_below(keep, *directory, "payload"));
    std::filesystem::create_directory(leaf / "system.slice");
    EXPECT_TRUE(reader.has_groups_below(keep, *directory, "payload"));
    std::filesystem::remove(leaf / "system.slice");
    EXPECT_FALSE(reader.has_groups_below(keep, *directory, "payload"));
  }
  EXPECT_FALSE(StatReader().has_groups_below(Keep::Open, *directory, "gone"));
}

TEST_P(GroupKernel, LiveNamesakeIsRefused) {
  Group group = create("twice");
  const Counter counter;
  const pid_t payload = start(payload_of(group), [&] { return counter.count(); });
  ASSERT_TRUE(counter.moves());
  EXPECT_THROW(create("twice"), base::Error);
  EXPECT_THAT(group.processes(), testing::ElementsAre(payload)) << "and left alone";
  group.kill();
  reap(payload);
  EXPECT_TRUE(eventually([&] { return group.processes().empty(); }));
  group.release();
  { const Group again = create("twice"); }
  EXPECT_EQ(directories_named("twice"), 0U);
}

TEST_P(GroupKernel, L2_RefusedLimitLeavesNothing) {
  Limits limits;
  if (has("cpuset"))
    limits.cpuset_cpus = "100000";
  else
    limits.devices = std::vector<DeviceRule>{{'c', 1, 3, "x"}};
  EXPECT_THROW(create("refused", limits), base::Error);
  EXPECT_EQ(directories_named("refused"), 0U);
}

TEST_P(GroupKernel, DevicePolicyIsEnforcedAndChangedLive) {
  Limits limits;
  limits.devices = std::vector<DeviceRule>{{'c', 1, 3, "rwm"}};
  Group group = create("devices", limits);
  const auto open_inside = [&](const char* path) {
    return reap(start(payload_of(group), [&] { return open_error(path); }));
  };
  EXPECT_EQ(open_inside("/dev/null"), 0);
  EXPECT_EQ(open_inside("/dev/zero"), EPERM);

  for (const auto& directory : group.payload_directories()) std::filesystem::create_directory(directory + "/deeper");
  limits.devices = std::vector<DeviceRule>{{'c', 1, 5, "rw"}, {'b', -1, -1, "m"}};
  group.update(limits);
  EXPECT_EQ(open_inside("/dev/null"), EPERM);
  EXPECT_EQ(open_inside("/dev/zero"), 0);
  EXPECT_EQ(open_error("/dev/null"), 0) << "outside nothing changed";

  auto adopted = Group::open(hierarchy_, partition_, "devices");
  ASSERT_TRUE(adopted);
  limits.devices->push_back({'c', 1, 3, "rw"});
  adopted->update(limits);
  EXPECT_EQ(open_inside("/dev/null"), 0);
  EXPECT_EQ(open_inside("/dev/zero"), 0);
}

TEST_P(GroupKernel, MemoryIsRaisedAndLowered) {
  if (!has("memory")) GTEST_SKIP() << "no memory controller in this hierarchy";
  Limits limits;
  limits.memory_bytes = 128 * kMiB;
  limits.memory_swap_bytes = 128 * kMiB;
  std::optional<Group> group;
  try {
    group = create("memory", limits);
  } catch (const base::Error& error) {
    if (error.system_errno() == ENOENT || error.system_errno() == EOPNOTSUPP) GTEST_SKIP() << error.what();
    throw;
  }
  for (const std::uint64_t size : {512, 64, 256}) {
    limits.memory_bytes = size * kMiB;
    limits.memory_swap_bytes = 2 * size * kMiB;
    group->update(limits);
    EXPECT_EQ(group->limits().memory_bytes, limits.memory_bytes);
    EXPECT_EQ(group->limits().memory_swap_bytes, limits.memory_swap_bytes);
  }
  limits.memory_bytes = limits.memory_swap_bytes = kUnlimitedBytes;
  group->update(limits);
  EXPECT_EQ(group->limits().memory_bytes, std::nullopt);
}

TEST_P(GroupKernel, CpusetMovesUnderARunningPayload) {
  if (!has("cpuset") || std::thread::hardware_concurrency() < 2)
    GTEST_SKIP() << "needs the cpuset controller and two CPUs";
  Limits limits;
  limits.cpuset_cpus = "0";
  Group group = create("cpuset", limits);
  const Counter counter;
  start(payload_of(group), [&] { return counter.count(); });
  ASSERT_TRUE(counter.moves());
  for (const auto& directory : group.payload_directories()) std::filesystem::create_directory(directory + "/deeper");
  for (const char* cpus : {"1", "0-1", "0"}) {
    limits.cpuset_cpus = cpus;
    group.update(limits);
    EXPECT_EQ(group.limits().cpuset_cpus, cpus);
    EXPECT_TRUE(counter.moves());
  }
  group.kill();
  reap(children_.front());
  EXPECT_TRUE(group.remove(milliseconds(2000)));
}

TEST_P(GroupKernel, PartitionMadeByOthersIsUsableAsItIs) {
  for (const auto& mount : hierarchy_.mounts())
    if (used_by_containers(mount)) std::filesystem::create_directory(mount.path + partition_);
  const Group group = create("guest");  // v1 cpusets start empty, and nobody has filled the partition's
  EXPECT_EQ(reap(start(payload_of(group), [] { return 7; })), 7);
}

TEST_P(GroupKernel, PartitionHalfFilledByAnotherStartIsFilled) {
  if (!on_v1("cpuset")) GTEST_SKIP() << "only v1 cpusets start empty";
  const std::string partition = hierarchy_.find("cpuset")->path + partition_;
  std::filesystem::create_directory(partition);
  const auto directory = Directory::open(partition);
  ASSERT_TRUE(directory);
  if (directory->read("cpuset.cpus") != "\n") GTEST_SKIP() << "the kernel has filled it";
  directory->write("cpuset.cpus", *directory->read("../cpuset.cpus"));
  const Group group = create("guest");
  EXPECT_EQ(reap(start(payload_of(group), [] { return 7; })), 7);
}

TEST_P(GroupKernel, StartsAtTheSameMomentShareANewPartition) {
  std::vector<std::optional<Group>> groups(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < groups.size(); ++i)
    threads.emplace_back([&, i] { groups[i] = create("at-once-" + std::to_string(i)); });
  for (auto& thread : threads) thread.join();
  for (const auto& group : groups) EXPECT_EQ(reap(start(payload_of(*group), [] { return 7; })), 7);
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

TEST_P(GroupKernel, ServesWithDescriptorsSpared) {
  Group group = create("spared");
  const auto v1 = std::ranges::count(group.mounts(), 1, &Mount::version);
  const auto before = open_descriptors();
  group.spare_descriptors();
  EXPECT_EQ(open_descriptors(), before - v1);
  const pid_t pid = start(payload_of(group), pause_forever);
  EXPECT_THAT(group.processes(), testing::ElementsAre(pid));
  if (has("freezer")) {
    group.freeze();
    EXPECT_TRUE(group.frozen());
    group.thaw();
  }
  if (has("pids")) {
    Limits limits;
    limits.pids_max = 77;
    group.update(limits);
    EXPECT_EQ(group.limits().pids_max, 77U);
  }
  group.kill();
  EXPECT_EQ(reap(pid), -SIGKILL);
  EXPECT_TRUE(group.remove(milliseconds(2000)));
  EXPECT_EQ(directories_named("spared"), 0U);
}

TEST_P(GroupKernel, SparedDirectoriesAreNotThoseMadeAnewAtTheirPath) {
  Group old = create("again");
  old.spare_descriptors();
  ASSERT_TRUE(Group::open(hierarchy_, partition_, "again")->remove(milliseconds(2000)));
  const Group anew = create("again");
  const auto made = directories_named("again");
  const pid_t pid = start(payload_of(anew), pause_forever);
  EXPECT_THAT(old.processes(), testing::IsEmpty());
  EXPECT_EQ(old.usage(Ask::Processes | Ask::Memory), Usage());
  EXPECT_TRUE(old.remove(milliseconds(0)));
  EXPECT_EQ(directories_named("again"), made);
  ::kill(pid, SIGKILL);
  reap(pid);
}

TEST_P(GroupKernel, NothingLeaks) {
  { const Group group = create("warm"); }
  const auto before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    Group group = create("leak");
    const pid_t payload = start(payload_of(group), [] { return 0; });
    EXPECT_EQ(reap(payload), 0);
    group.processes();
    group.usage(Ask::Memory | Ask::Cpu, Keep::Open);
    EXPECT_TRUE(group.remove(milliseconds(2000)));
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace cgroup
