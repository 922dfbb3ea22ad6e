// Starts and stops one container with everything that can: libvirt daemons, LXC's tools, crun, runc, systemd-nspawn and
// the floor program, on one root filesystem and, where it makes networks at all, with a veth in one bridge. They take
// turns within each cycle and nobody is always the first, so that whatever else the machine does concerns them alike.
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "measurement.hpp"
#include "support/bridge.hpp"
#include "support/command.hpp"
#include "support/deadline.hpp"
#include "support/domain_xml.hpp"
#include "support/handles.hpp"
#include "support/rootfs.hpp"
#include "support/scratch.hpp"

namespace {

using bench::give_up;
using bench::Table;
using Words = std::vector<std::string>;

struct Options {
  Words uris;  // NAME=URI
  std::string floor, json;
  int cycles = 20;
};

pid_t spawn(const Words& words, const Words& more_environment, const std::string& output) {
  std::vector<char*> arguments, environment;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  for (char** one = environ; *one; ++one) environment.push_back(*one);
  for (const auto& one : more_environment) environment.push_back(const_cast<char*>(one.c_str()));
  environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::runtime_error("cannot run " + words[0] + ": " + std::strerror(error));
  return pid;
}

/// Runs a program whose children may keep its output open; throws what it printed if it fails.
void run(const Words& words) {
  static const std::string output = support::make_folder("output") + "/text";
  int status = 0;
  if (::waitpid(spawn(words, {}, output), &status, 0) < 0 || status != 0)
    throw std::runtime_error(words[0] + " failed: " + support::read_text(output));
}

/// Who starts and stops a container over and over.
class Peer {
 public:
  explicit Peer(std::string name) : name_(std::move(name)) {}
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  virtual void cycle(Table& table) {
    table.add("start", "ms", name_, support::milliseconds_of([&] { start(); }));
    if (const pid_t keeper = supervisor(); keeper > 0) table.add("supervisor PSS", "KiB", name_, bench::pss(keeper));
    table.add("stop", "ms", name_, support::milliseconds_of([&] { stop(); }));
  }
  const std::string& name() const { return name_; }

 protected:
  virtual void start() = 0;
  virtual void stop() = 0;
  /// The process that stays beside a running container; 0 for none.
  virtual pid_t supervisor() { return 0; }

  std::string name_;
};

class LibvirtDaemon : public Peer {
 public:
  LibvirtDaemon(const std::string& name, const std::string& uri, const support::Rootfs& root,
                const support::Bridge& bridge)
      : Peer(name), connection_(virConnectOpen(uri.c_str())) {
    if (!connection_) give_up("cannot open " + uri);
    support::DomainXml definition;
    definition.name = support::own_name("peer");
    definition.root = root.path();
    definition.init = "/bin/sleep";
    definition.arguments = {"100000"};
    definition.private_network = false;
    definition.devices = support::bridge_interface(bridge.name());
    domain_ = virDomainDefineXML(connection_, definition.text().c_str());
    if (!domain_) give_up("define");
  }
  ~LibvirtDaemon() override {
    if (virDomainIsActive(domain_) == 1) virDomainDestroy(domain_);
    virDomainUndefine(domain_);
  }

 protected:
  void start() override {
    if (virDomainCreate(domain_) < 0) give_up("start by " + name_);
  }
  void stop() override {
    if (virDomainDestroy(domain_) < 0) give_up("destroy by " + name_);
  }
  pid_t supervisor() override { return static_cast<pid_t>(virDomainGetID(domain_)); }

 private:
  support::Connection connection_;
  support::Domain domain_;
};

class LxcTools : public Peer {
 public:
  LxcTools(const support::Rootfs& root, const support::Bridge& bridge)
      : Peer("LXC tools"), folder_(support::make_folder("lxc")), container_(support::own_name("lxc")) {
    std::filesystem::create_directory(folder_ + "/" + container_);
    support::write_text(folder_ + "/" + container_ + "/config",
                        "lxc.rootfs.path = dir:" + root.path() + "\nlxc.uts.name = lxc\nlxc.net.0.type = veth\n" +
                            "lxc.net.0.link = " + bridge.name() + "\nlxc.net.0.flags = up\n" +
                            "lxc.init.cmd = /bin/sleep 100000\nlxc.mount.auto = proc:mixed sys:ro\n" +
                            "lxc.cgroup.memory.limit_in_bytes = 64M\nlxc.cgroup2.memory.max = 64M\n");
  }

 protected:
  void start() override { run({"lxc-start", "-P", folder_, "-n", container_, "-d"}); }
  void stop() override { run({"lxc-stop", "-P", folder_, "-n", container_, "-k"}); }
  pid_t supervisor() override {
    const auto said = support::run({"lxc-info", "-P", folder_, "-n", container_, "-p", "-H"});
    const std::string stat = support::read_text("/proc/" + std::to_string(std::stoi(said.text)) + "/stat");
    return std::stoi(stat.substr(stat.rfind(')') + 4));  // parent, after ") S "
  }

 private:
  std::string folder_, container_;
};

/// crun and runc, which leave networks to others.
class OciRuntime : public Peer {
 public:
  OciRuntime(const std::string& program, const support::Rootfs& root)
      : Peer(program), folder_(support::make_folder(program)), container_(support::own_name(program)) {
    support::write_text(folder_ + "/config.json", R"({"ociVersion": "1.0.0", "root": {"path": ")" + root.path() +
                                                      R"("}, "hostname": "oci",
 "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/sleep", "100000"], "env": ["PATH=/bin:/sbin"], "cwd": "/"},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
  {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
  {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}],
 "linux": {"resources": {"memory": {"limit": 67108864}}, "cgroupsPath": "/)" +
                                                      container_ + R"(",
  "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]}})");
  }

 protected:
  void start() override { run({name_, "--root", folder_ + "/state", "run", "-d", "-b", folder_, container_}); }
  void stop() override { run({name_, "--root", folder_ + "/state", "delete", "-f", container_}); }

 private:
  std::string folder_, container_;
};

/// Started once it tells its service manager, which is us, that the container runs.
class Nspawn : public Peer {
 public:
  Nspawn(const support::Rootfs& root, const support::Bridge& bridge)
      : Peer("nspawn"),
        folder_(support::make_folder("nspawn")),
        words_{"systemd-nspawn",   "--quiet",
               "--register=no",    "--keep-unit",
               "--console=pipe",   "-M" + machine_name(),
               "-D" + root.path(), "--network-bridge=" + bridge.name(),
               "/bin/sleep",       "100000"},
        notify_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ + "/notify").copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(notify_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot listen for nspawn");
  }
  ~Nspawn() override {
    if (pid_ > 0) stop();
  }

 protected:
  void start() override {
    pid_ = spawn(words_, {"NOTIFY_SOCKET=" + folder_ + "/notify"}, folder_ + "/output");
    while (true) {
      pollfd waiting{notify_.get(), POLLIN, 0};
      char text[4096];
      const ssize_t count = ::poll(&waiting, 1, 10000) == 1 ? ::read(notify_.get(), text, sizeof text) : -1;
      if (count < 0) throw std::runtime_error("nspawn does not get ready: " + support::read_text(folder_ + "/output"));
      if (std::string_view(text, static_cast<std::size_t>(count)).find("READY=1") != std::string_view::npos) return;
    }
  }
  void stop() override {
    ::kill(pid_, SIGTERM);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  pid_t supervisor() override { return pid_; }

 private:
  static std::string machine_name() { return "lxb" + std::to_string(::getpid()); }
  std::string folder_;
  Words words_;
  base::Fd notify_;
  pid_t pid_ = 0;
};

class Floor : public Peer {
 public:
  Floor(const std::string& program, const support::Rootfs& root, const support::Bridge& bridge) : Peer("floor") {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], 0);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    const std::string root_path = root.path(), bridge_name = bridge.name();
    const char* words[] = {program.c_str(), root_path.c_str(), bridge_name.c_str(), "serve", nullptr};
    const int error = ::posix_spawn(&pid_, program.c_str(), &files, nullptr, const_cast<char* const*>(words), environ);
    posix_spawn_file_actions_destroy(&files);
    ::close(in[0]);
    ::close(out[1]);
    to_.reset(::fdopen(in[1], "w"));
    from_.reset(::fdopen(out[0], "r"));
    if (error != 0) throw std::runtime_error("cannot run " + program + ": " + std::strerror(error));
  }
  ~Floor() override {
    to_.reset();
    ::waitpid(pid_, nullptr, 0);
  }
  void cycle(Table& table) override {
    double start_ms = 0, end_ms = 0;
    std::fputs("\n", to_.get());
    std::fflush(to_.get());
    if (std::fscanf(from_.get(), "%lf %lf", &start_ms, &end_ms) != 2) throw std::runtime_error("the floor failed");
    table.add("start", "ms", name_, start_ms);
    table.add("stop", "ms", name_, end_ms);
  }

 protected:
  void start() override {}
  void stop() override {}

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  pid_t pid_ = -1;
  std::unique_ptr<std::FILE, Close> to_, from_;
};

/// On a hybrid host crun refuses to work beside a cgroup2 file system, and here nobody needs it: the daemons are
/// processes of their own.
void hide_cgroup2_of_a_hybrid() {
  const char* const place = "/sys/fs/cgroup/unified";
  if (!support::exists(place)) return;
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
      ::umount2(place, MNT_DETACH) != 0)
    throw std::runtime_error(std::string("cannot hide ") + place);
}

/// Everybody who is installed and manages one cycle; who does not is named.
std::vector<std::unique_ptr<Peer>> gather(const Options& options, const support::Rootfs& root,
                                          const support::Bridge& bridge) {
  std::vector<std::unique_ptr<Peer>> peers;
  const auto join = [&](const std::string& name, const std::string& program, const auto& make) {
    if (!program.empty() && !support::have_program(program)) {
      std::fprintf(stderr, "peers_bench: %s is left out: %s is not installed\n", name.c_str(), program.c_str());
      return;
    }
    try {
      std::unique_ptr<Peer> peer = make();
      Table warm_up({peer->name()});
      peer->cycle(warm_up);
      peers.push_back(std::move(peer));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "peers_bench: %s is left out: %s\n", name.c_str(), error.what());
    }
  };
  for (const auto& pair : options.uris) {
    const auto at = pair.find('=');
    peers.push_back(std::make_unique<LibvirtDaemon>(pair.substr(0, at), pair.substr(at + 1), root, bridge));
    Table warm_up({peers.back()->name()});
    peers.back()->cycle(warm_up);
  }
  join("LXC tools", "lxc-start", [&] { return std::make_unique<LxcTools>(root, bridge); });
  for (const std::string program : {"crun", "runc"})
    join(program, program, [&] { return std::make_unique<OciRuntime>(program, root); });
  join("nspawn", "systemd-nspawn", [&] { return std::make_unique<Nspawn>(root, bridge); });
  if (!options.floor.empty()) join("floor", "", [&] { return std::make_unique<Floor>(options.floor, root, bridge); });
  return peers;
}

/// The kernel takes namespaces and their links down after a stop has returned, under the lock of all links: that is
/// not the next one's to pay.
void settle(const support::Bridge& bridge) {
  support::eventually([&] { return bridge.ports().empty(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(25));
}

void measure(const Options& options) {
  support::Rootfs root;
  std::filesystem::create_directory(root / "usr");  // by which nspawn knows a root
  root.write("etc/os-release", "ID=bench\n");
  const support::Bridge bridge;
  auto peers = gather(options, root, bridge);
  std::vector<std::string> names;
  for (const auto& peer : peers) names.push_back(peer->name());
  Table table(names);
  for (int i = 0; i < options.cycles; ++i) {
    std::rotate(peers.begin(), peers.begin() + 1, peers.end());
    for (const auto& peer : peers) {
      settle(bridge);
      peer->cycle(table);
    }
  }
  bench::save_json(table, options.json);
  std::printf("%d cycles\n%s", options.cycles, table.text().c_str());
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App application("Times start and stop of a container by everything that is installed");
  application.add_option("--uri", options.uris, "NAME=URI of a libvirt daemon")->required();
  application.add_option("--floor", options.floor, "the floor program");
  application.add_option("--cycles", options.cycles, "start and stop this often")->capture_default_str();
  application.add_option("--json", options.json, "also write the table to this file");
  CLI11_PARSE(application, count, words);
  return bench::run_program("peers_bench", [&] {
    hide_cgroup2_of_a_hybrid();
    measure(options);
  });
}
