#include "container/launch_fixture.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>

#include "base/error.hpp"
#include "base/uuid.hpp"
#include "cgroup/hierarchy.hpp"
#include "netlink/bridge.hpp"
#include "netlink/link.hpp"

namespace container::test {
namespace fs = std::filesystem;
namespace {

std::string cgroup_prefix() {
  return "/lxcell-test-launch-" + std::to_string(::getpid());
}

/// Leaves of what is below `directory`, first.
void remove_groups(const fs::path& directory) {
  std::error_code ignored;
  for (fs::directory_iterator at(directory, ignored), end; !ignored && at != end; at.increment(ignored))
    if (at->is_directory()) remove_groups(at->path());
  ::rmdir(directory.c_str());
}

void add_tree(std::set<std::string>& state, const fs::path& root) {
  std::error_code error;  // entries may vanish meanwhile
  for (fs::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error))
    state.insert(at->path().string());
}

void add_container_groups(std::set<std::string>& state) {
  const auto hierarchy = cgroup::Hierarchy::detect();
  for (const auto& mount : hierarchy.mounts()) {
    std::set<std::string> all;
    add_tree(all, mount.path + cgroup_prefix());
    for (const auto& path : all)
      if (path.ends_with(".libvirt-lxc")) state.insert("cgroup " + path);
  }
}

void add_matching_lines(std::set<std::string>& state, const std::string& path, const std::string& word) {
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);)
    if (line.find(word) != std::string::npos) state.insert(path + " " + line);
}

/// Numbers and names.
std::map<std::string, std::string> children() {
  std::map<std::string, std::string> found;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (std::string pid; children >> pid;) std::getline(std::ifstream("/proc/" + pid + "/comm"), found[pid]);
  }
  return found;
}

/// All but the launcher's template.
void add_children(std::set<std::string>& state) {
  for (const auto& [pid, name] : children())
    if (name != "lxcell-template") state.insert("child " + pid);
}

bool template_has_its_name() {
  const auto all = children();
  return std::none_of(all.begin(), all.end(), [](const auto& child) { return child.second == "lxcell-supervis"; });
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void ExitWitness::watch(Running& running) {
  running.on_exit([state = state_](ExitRecord record) {
    const std::scoped_lock lock(state->mutex);
    state->record = record;
    ++state->times;
    state->changed.notify_all();
  });
}

std::optional<ExitRecord> ExitWitness::wait() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, std::chrono::seconds(10), [this] { return state_->record.has_value(); });
  return state_->record;
}

int ExitWitness::times() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->times;
}

std::string LaunchTest::bridge() {
  return "lxtl" + std::to_string(::getpid() % 1000);
}

void LaunchTest::SetUpTestSuite() {
  if (::geteuid() != 0) return;
  netlink::Socket socket;
  netlink::create_bridge(socket, bridge());
}

void LaunchTest::TearDownTestSuite() {
  if (::geteuid() != 0) return;
  netlink::Socket socket;
  netlink::delete_link(socket, bridge());
  const auto hierarchy = cgroup::Hierarchy::detect();
  for (const auto& mount : hierarchy.mounts()) remove_groups(mount.path + cgroup_prefix());
}

void LaunchTest::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: starts containers";
  image_.emplace();
  char name[] = "/tmp/container-launch-XXXXXX";
  scratch_ = ::mkdtemp(name);
  fs::create_directories(scratch_ + "/run");
  fs::create_directories(scratch_ + "/log");
  loop_ = std::make_unique<base::EventLoop>();
  restart();
  loop_thread_ = std::thread([this] { loop_->run(); });
  before_ = host_state();
}

void LaunchTest::TearDown() {
  if (loop_thread_.joinable()) {
    loop_->stop();
    loop_thread_.join();
  }
  launcher_.reset();
  loop_.reset();
  image_.reset();
  if (!scratch_.empty()) fs::remove_all(scratch_);
}

LauncherConfig LaunchTest::config() const {
  LauncherConfig config;
  config.supervisor_path = LXCELL_SUPERVISOR;
  config.run_directory = scratch_ + "/run";
  config.log_directory = scratch_ + "/log";
  config.cgroup_root = cgroup_prefix();
  return config;
}

void LaunchTest::restart() {
  launcher_ = std::make_unique<Launcher>(*loop_, config());
  eventually(template_has_its_name);
}

domain_xml::DomainDefinition LaunchTest::shell(const std::string& name, const std::string& script) const {
  domain_xml::DomainDefinition definition;
  definition.name = name;
  definition.uuid = base::Uuid::random();
  definition.memory_kib = 65536;
  definition.os.init = "/bin/sh";
  definition.os.init_args = {"-c", script};
  auto& root = definition.filesystems.emplace_back();
  root.access_mode = "passthrough";
  root.source = image_->path();
  root.target = "/";
  definition.consoles.resize(1);
  return definition;
}

domain_xml::Interface LaunchTest::bridged() {
  static std::uint8_t last = 0;
  domain_xml::Interface interface;
  interface.source = domain_xml::InterfaceBridge{bridge()};
  interface.mac.bytes = {0x52, 0x54, 0, 0x77, 0, ++last};
  interface.ips = {{.address = "192.0.2.7", .prefix = 24}};
  return interface;
}

void LaunchTest::end(Running& running) {
  running.kill();
  running.clean_up();
}

std::set<std::string> LaunchTest::host_state() const {
  std::set<std::string> state;
  add_tree(state, scratch_ + "/run");
  add_tree(state, image_->path());
  add_container_groups(state);
  add_matching_lines(state, "/proc/self/mountinfo", scratch_);
  add_matching_lines(state, "/proc/self/mountinfo", image_->path());
  add_tree(state, "/sys/class/net/" + bridge() + "/brif");
  add_children(state);
  return state;
}

void LaunchTest::expect_unchanged() {
  eventually([this] { return host_state() == before_; });  // links go with their dying network namespace
  EXPECT_EQ(host_state(), before_);
}

base::Error LaunchTest::refused(const domain_xml::DomainDefinition& definition) {
  base::Error refusal(base::Code::Ok, base::From::None, "");
  try {
    end(*launcher_->launch(definition).running);
    ADD_FAILURE() << "'" << definition.name << "' started";
  } catch (const base::Error& error) {
    refusal = error;
  }
  expect_unchanged();
  return refusal;
}

}  // namespace container::test
