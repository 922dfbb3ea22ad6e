#include "container/supervisor_harness.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "container/plan_codec.hpp"

namespace container::test {
namespace fs = std::filesystem;
namespace {

constexpr int kPatienceMs = 10000;
constexpr std::size_t kMaxFds = 64;

bool wait_readable(int fd) {
  pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, kPatienceMs) == 1;
}

base::Fd memfd_with(const std::string& bytes) {
  base::Fd fd(memfd_create("plan", MFD_CLOEXEC));
  base::write_all(fd.get(), bytes.data(), bytes.size(), "plan");
  return fd;
}

void send_with_fds(int socket, const void* data, std::size_t size, const std::vector<int>& fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)] = {};
  ASSERT_LE(fds.size(), kMaxFds);
  iovec part = {const_cast<void*>(data), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    auto* header = reinterpret_cast<cmsghdr*>(control);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
  }
  ASSERT_EQ(sendmsg(socket, &message, MSG_NOSIGNAL), static_cast<ssize_t>(size)) << std::strerror(errno);
}

sockaddr_un socket_address(const std::string& directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (directory + "/sock").c_str(), sizeof address.sun_path - 1);
  return address;
}

MountStep filesystem(const char* type, const char* target, std::uint64_t attributes, const char* options = "") {
  MountStep step;
  step.fstype = step.source = type;
  step.target = target;
  step.attributes = attributes;
  step.options = options;
  step.create = CreateTarget::Directory;
  return step;
}

MountStep inside(MountKind kind, const char* target, std::uint64_t attributes) {
  MountStep step;
  step.kind = kind;
  step.target = target;
  if (kind == MountKind::BindInside) step.source = target;
  step.attributes = attributes;
  step.optional = true;
  return step;
}

}  // namespace

Image::Image() {
  std::string name = "/tmp/container-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = name;
  fs::permissions(directory_, fs::perms(0755));
  fs::create_directory(beside("run"));
  for (const char* below : {"bin", "proc", "sys", "dev", "etc", "tmp", "root"})
    fs::create_directories(path("/") + below);
  fs::copy_file("/bin/busybox", path("/bin/busybox"));
  fs::create_symlink("busybox", path("/bin/sh"));
  write_file(path("/etc/passwd"), "root:x:0:0::/root:/bin/sh\nada:x:1000:1001::/:/bin/sh\n");
  write_file(path("/etc/group"), "root:x:0:\nada:x:1001:\naudio:x:29:bob,ada\nvideo:x:44:adam\n");
}

Image::~Image() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void Image::chown_to(unsigned id) const {
  for (const auto& entry : fs::recursive_directory_iterator(path())) {
    ASSERT_EQ(lchown(entry.path().c_str(), id, id), 0);
  }
  ASSERT_EQ(chown(path().c_str(), id, id), 0);
}

ContainerPlan shell_plan(const Image& image, const std::string& script) {
  constexpr std::uint64_t harmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  ContainerPlan plan;
  plan.name = plan.hostname = "web";
  plan.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
  plan.root_source = image.path();
  plan.mounts = {
      filesystem("proc", "/proc", harmless),
      inside(MountKind::BindInside, "/proc/sys", harmless),
      inside(MountKind::BindInside, "/proc/sys/net", harmless),
      inside(MountKind::Attributes, "/proc/sys", harmless | MOUNT_ATTR_RDONLY),
      inside(MountKind::BindInside, "/proc/bus", harmless | MOUNT_ATTR_RDONLY),
      inside(MountKind::Mask, "/proc/kcore", 0),
      inside(MountKind::Mask, "/proc/keys", 0),
      inside(MountKind::Mask, "/proc/scsi", 0),
      filesystem("sysfs", "/sys", harmless | MOUNT_ATTR_RDONLY),
      inside(MountKind::Mask, "/sys/firmware", 0),
      filesystem("tmpfs", "/tmp", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, "size=1m"),
  };
  plan.dev_options = "size=64k,mode=755";
  plan.nodes = {{"null", 'c', 1, 3},   {"zero", 'c', 1, 5},    {"full", 'c', 1, 7},
                {"random", 'c', 1, 8}, {"urandom", 'c', 1, 9}, {"tty", 'c', 5, 0}};
  plan.links = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}};
  plan.devpts_options = "newinstance,ptmxmode=0666,mode=0620,gid=5";
  plan.loopback_up = true;
  plan.capabilities.bounding = 0x1fdb5feffff;
  plan.init.path = "/bin/busybox";
  plan.init.arguments = {"sh", "-c", script};
  plan.init.environment = {"PATH=/bin:/sbin", "TERM=linux", "container=lxc-libvirt"};
  return plan;
}

Supervisor::Supervisor(const Image& image) : directory_(image.beside("run")) {
  fs::create_directories(directory_);
  listener_ = base::Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = socket_address(directory_);
  unlink(address.sun_path);
  EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(listener_.get(), 4), 0);
}

Supervisor::~Supervisor() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Supervisor::start(const ContainerPlan& plan, bool attach) {
  start_bytes(encode_plan(plan), attach);
}

void Supervisor::start_bytes(const std::string& bytes, bool attach) {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  control_ = std::move(ours);
  const base::Fd plan_fd = memfd_with(bytes);
  const base::Fd log = base::open_file(directory_ + "/log", O_WRONLY | O_CREAT | O_APPEND, 0600);
  protocol::StartMessage message = {};
  message.header = {protocol::Type::Start, protocol::kVersion, 0, sizeof message - sizeof message.header};
  message.plan_size = bytes.size();
  send_with_fds(control_.get(), &message, sizeof message, {plan_fd.get(), log.get(), listener_.get()});
  if (attach) send(protocol::Type::Attach);
  pid_ = fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    dup2(theirs.get(), protocol::kControlFd);
    if (theirs.get() == protocol::kControlFd) fcntl(protocol::kControlFd, F_SETFD, 0);
    execl(LXCELL_SUPERVISOR, "lxcell-supervisor", nullptr);
    _exit(127);
  }
}

Message Supervisor::receive() {
  Message result;
  alignas(8) static char buffer[8192];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)];
  if (!wait_readable(control_.get())) {
    ADD_FAILURE() << "no message; log: " << log();
    return result;
  }
  iovec part = {buffer, sizeof buffer};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do size = recvmsg(control_.get(), &message, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == ECONNRESET);  // it ended without reading Attach; what it said comes next
  if (size < static_cast<ssize_t>(sizeof(protocol::Header))) {
    ADD_FAILURE() << "connection closed; log: " << log();
    return result;
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      result.fds.emplace_back(fd);
    }
  }
  protocol::Header header;
  std::memcpy(&header, buffer, sizeof header);
  EXPECT_EQ(header.version, protocol::kVersion);
  EXPECT_EQ(header.size, static_cast<std::size_t>(size) - sizeof header);
  result.type = header.type;
  if (header.type == protocol::Type::Failed) std::memcpy(&result.failed, buffer, sizeof result.failed);
  if (size == sizeof result.status) std::memcpy(&result.status, buffer, sizeof result.status);
  return result;
}

Message Supervisor::receive(protocol::Type expected) {
  Message message = receive();
  EXPECT_EQ(static_cast<int>(message.type), static_cast<int>(expected))
      << message.failed.step << " '" << message.failed.object << "' " << std::strerror(message.failed.error);
  return message;
}

bool Supervisor::at_end_of_file() {
  if (!wait_readable(control_.get())) return false;
  char byte;
  ssize_t size;
  do size = recv(control_.get(), &byte, 1, 0);
  while (size < 0 && errno == ECONNRESET);
  return size == 0;
}

void Supervisor::send(protocol::Type type, std::uint32_t number, int fd) {
  const protocol::Header header = {type, protocol::kVersion, number, 0};
  send_with_fds(control_.get(), &header, sizeof header, fd < 0 ? std::vector<int>{} : std::vector<int>{fd});
}

void Supervisor::reconnect() {
  control_ = base::Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = socket_address(directory_);
  ASSERT_EQ(connect(control_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
}

base::Fd Supervisor::open_console(std::uint32_t index, int buffer_size) {
  auto [ours, theirs] = base::socket_pair(SOCK_STREAM);
  if (buffer_size > 0) setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
  send(protocol::Type::OpenConsole, index, theirs.get());
  return std::move(ours);
}

std::optional<int> Supervisor::wait_end() {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  int status = 0;
  while (std::chrono::steady_clock::now() < limit) {
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return status;
    }
    std::this_thread::sleep_for(1ms);
  }
  return std::nullopt;
}

int Supervisor::finish() {
  const Message message = receive(protocol::Type::Exited);
  EXPECT_EQ(message.status.exited, 1U);
  EXPECT_TRUE(message.fds.empty());
  send(protocol::Type::Release);
  EXPECT_EQ(wait_end(), 0);
  return message.status.wait_status;
}

std::string Supervisor::run(const ContainerPlan& plan, int* status) {
  start(plan);
  receive(protocol::Type::Ready);
  const base::Fd viewer = open_console();
  const std::string output = read_to_end(viewer.get());
  const int wait_status = finish();
  if (status != nullptr) *status = wait_status;
  return output;
}

protocol::FailedMessage Supervisor::fail(const ContainerPlan& plan) {
  start(plan);
  const Message message = receive(protocol::Type::Failed);
  EXPECT_TRUE(at_end_of_file());
  const auto status = wait_end();
  EXPECT_TRUE(status && WIFEXITED(*status) && WEXITSTATUS(*status) == 1);
  return message.failed;
}

std::string Supervisor::log() const {
  return read_text(directory_ + "/log");
}

std::string read_until(int fd, const std::string& wanted) {
  std::string text;
  char buffer[4096];
  while (text.find(wanted) == std::string::npos && wait_readable(fd)) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::string read_to_end(int fd) {
  return read_until(fd, std::string(1, '\0'));
}

void write_text(int fd, const std::string& text) {
  ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

bool process_exists(pid_t pid) {
  return kill(pid, 0) == 0;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

void SupervisorTest::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: makes namespaces and mounts";
}

}  // namespace container::test
