#include "support/attacker.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace support {

namespace fs = std::filesystem;

namespace {

constexpr const char* kReport = "report";
constexpr unsigned long kMountNamespaceId = _IOR(0xb7, 5, std::uint64_t);  // NS_GET_MNTNS_ID, Linux 6.11

std::string inode_of(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 ? std::to_string(info.st_ino) : "none";
}

/// A link of the host's that no container has too.
std::string host_link() {
  for (const auto& link : fs::directory_iterator("/sys/class/net"))
    if (link.path().filename() != "lo") return link.path().filename();
  return "";
}

std::string disk_under(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "";
  return std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev));
}

std::string mount_namespace_id() {
  const base::Fd own(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  std::uint64_t id = 0;
  return ioctl(own.get(), kMountNamespaceId, &id) == 0 ? std::to_string(id) : "";
}

std::string process_of(const std::string& program) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code error;
    const auto exe = fs::read_symlink(entry.path() / "exe", error);
    if (!error && exe.filename() == program) return entry.path() / "exe";
  }
  return "";
}

[[noreturn]] void become_attacker(const std::string& root, std::vector<std::string> words) {
  const auto mount_at = [&](const char* source, const std::string& place, const char* type, unsigned long flags) {
    if (mount(source, (root + place).c_str(), type, flags, nullptr) != 0) _exit(1);
  };
  mount_at("proc", "/proc", "proc", 0);
  mount_at("sysfs", "/sys", "sysfs", 0);
  mount_at("/sys/fs/cgroup", "/sys/fs/cgroup", nullptr, MS_BIND | MS_REC);
  mount_at("tmpfs", "/dev", "tmpfs", 0);
  mkdir((root + "/dev/pts").c_str(), 0755);
  mount_at("devpts", "/dev/pts", "devpts", 0);
  chmod((root + "/dev/pts/ptmx").c_str(), 0666);
  if (symlink("pts/ptmx", (root + "/dev/ptmx").c_str()) != 0) _exit(1);
  if (chroot(root.c_str()) != 0 || chdir("/") != 0) _exit(1);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  char* environment[] = {nullptr};
  const int quiet = open("/report.log", O_WRONLY | O_CREAT, 0644);
  for (const int fd : {0, 1, 2}) dup2(quiet, fd);
  close_range(3, ~0U, 0);
  execve("/attacker", arguments.data(), environment);
  _exit(1);
}

}  // namespace

std::vector<std::string> AttackReport::named(const std::string& verdict) const {
  std::vector<std::string> names;
  for (const Line& line : lines)
    if (line.verdict == verdict) names.push_back(line.name);
  return names;
}

std::vector<std::string> AttackReport::let_through() const {
  std::vector<std::string> texts;
  for (const Line& line : lines)
    if (line.verdict == "SUCCEEDED") texts.push_back(line.name + ": " + line.detail);
  return texts;
}

AttackedHost::AttackedHost()
    : canary_(make_folder("canary") + "/canary"), abstract_(own_name("abstract")), marker_(own_name("marker")) {
  write_text(canary_, "canary of the host\n");
  listener_ = base::Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, abstract_.data(), abstract_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract_.size());
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_.get(), 4) != 0)
    throw std::runtime_error("cannot listen at an abstract socket");
  port_listener_ = base::Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t place_size = sizeof place;
  if (bind(port_listener_.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0 ||
      listen(port_listener_.get(), 4) != 0 ||
      getsockname(port_listener_.get(), reinterpret_cast<sockaddr*>(&place), &place_size) != 0)
    throw std::runtime_error("cannot listen at the loopback");
  port_ = ntohs(place.sin_port);
  key_ = 0x6c780000 + getpid();
  semaphore_ = semget(key_, 1, IPC_CREAT | 0666);
}

AttackedHost::~AttackedHost() {
  if (semaphore_ >= 0) semctl(semaphore_, 0, IPC_RMID);
}

std::vector<std::string> AttackedHost::facts(const std::string& name, const std::string& neighbour,
                                             unsigned long memory_kib) const {
  std::vector<std::string> words = {"report=/" + std::string(kReport),
                                    "canary=" + canary_,
                                    "abstract=" + abstract_,
                                    "marker=" + marker_,
                                    "port=" + std::to_string(port_),
                                    "semaphore=" + std::to_string(key_),
                                    "name=" + name,
                                    "neighbour=" + neighbour,
                                    "memory=" + std::to_string(memory_kib * 1024),
                                    "host_pid=" + std::to_string(getpid()),
                                    "host_program=system_test",
                                    "link=" + host_link(),
                                    "disk=" + disk_under(scratch()),
                                    "mnt_id=" + mount_namespace_id()};
  for (const char* name_space : {"mnt", "pid", "net", "ipc", "uts", "cgroup"})
    words.push_back(std::string(name_space) + "=" + inode_of(std::string("/proc/self/ns/") + name_space));
  for (const auto& [key, stock, ours] :
       {std::tuple("supervisor", "libvirt_lxc", "lxcell-supervisor"), std::tuple("daemon", "libvirtd", "virtlxcelld")})
    words.push_back(std::string(key) + "=" + inode_of(process_of(host().is_stock() ? stock : ours)));
  return words;
}

AttackRoot::AttackRoot() {
  fs::copy_file(LXCELL_ATTACKER, *this / "attacker");
  fs::create_directory(*this / "nodes");
  struct stat info = {};
  if (stat(path().c_str(), &info) == 0) mknod((*this / "nodes/disk").c_str(), S_IFBLK | 0666, info.st_dev);
  mknod((*this / "nodes/kmsg").c_str(), S_IFCHR | 0666, makedev(1, 11));
}

bool AttackRoot::wait_for_report() const {
  return wait_for(kReport, scaled(Milliseconds(300000)));
}

AttackReport AttackRoot::report() const {
  AttackReport report;
  std::istringstream lines(read(has(kReport) ? kReport : std::string(kReport) + ".new"));
  for (std::string text; std::getline(lines, text);) {
    if (text == "done") report.complete = true;
    std::istringstream words(text);
    AttackReport::Line line;
    words >> line.verdict >> line.name >> std::ws;
    std::getline(words, line.detail);
    if (text != "done") report.lines.push_back(line);
  }
  return report;
}

AttackReport attack_unconfined(const AttackedHost& host) {
  const AttackRoot root;
  auto words = host.facts("unconfined", "", 65536);
  words.insert(words.begin(), "attacker");
  const pid_t outer = fork();
  if (outer == 0) {
    constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (unshare(kNamespaces) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(1);
    const pid_t inner = fork();
    if (inner == 0) become_attacker(root.path(), words);
    int status = 1;
    waitpid(inner, &status, 0);
    _exit(status == 0 ? 0 : 1);
  }
  waitpid(outer, nullptr, 0);
  return root.report();
}

}  // namespace support
