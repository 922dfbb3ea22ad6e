// Images that lie: links, pipes and endless files where a directory or a database belongs, and directories that change
// while a container starts. Nothing of it may reach the host, hang a call or end the daemon.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

constexpr long kCgroupV2 = 0x63677270, kCgroupV1 = 0x27e0eb;  // statfs(2)

class HostileRootTest : public SystemTest {
 protected:
  HostileRootTest() {
    outside_ = make_folder("outside");
    for (const char* name : {"dev", "proc", "sys", "etc", "target"}) fs::create_directory(outside_ + "/" + name);
  }

  /// What a container left in a folder of the host that none was given.
  std::string found_outside() const {
    std::string found;
    for (const auto& entry : fs::recursive_directory_iterator(outside_))
      if (!entry.is_directory() || fs::relative(entry.path(), outside_).string().find('/') != std::string::npos)
        found += entry.path().string() + "\n";
    return found;
  }

  /// Starts, if that is possible, and stops; true if it started.
  bool try_start(const std::string& definition, const std::function<void(virDomainPtr)>& look = {}) {
    const Domain domain(virDomainCreateXML(connection_, definition.c_str(), 0));
    if (!domain) return false;
    if (look) look(domain);
    virDomainDestroy(domain);  // it may have ended by itself
    return true;
  }

  DomainXml sleeper(const std::string& word, const Rootfs& root) {
    DomainXml definition = xml(word, root);
    definition.init = "/bin/sleep";
    definition.arguments = {"100000"};
    return definition;
  }

  std::string outside_;
};

TEST_F(HostileRootTest, LinksInPlaceOfDirectoriesStayInside) {
  SKIP_ON_STOCK("follows links of the image on the host");
  for (const std::string name : {"dev", "proc", "sys", "etc", "mnt"}) {
    for (const std::string& target : {outside_ + "/" + name, "../../../../../../../.." + outside_ + "/" + name,
                                      std::string("/proc/1/root/../.." + outside_), std::string("/proc/self/fd/3"),
                                      std::string("/does/not/exist"), name}) {
      Rootfs root;
      fs::remove_all(root / name);
      fs::create_symlink(target, root / name);
      DomainXml definition = sleeper("links", root);
      definition.devices =
          "    <filesystem type='ram'><source usage='64' units='KiB'/><target dir='/mnt/deep/target'/>"
          "</filesystem>\n" +
          mount_filesystem(make_folder("given"), "/etc/given");
      try_start(definition);
      EXPECT_EQ(found_outside(), "") << name << " -> " << target;
    }
  }
}

/// As CVE-2024-21626: a directory of the host's that whoever prepares the container still holds.
TEST_F(HostileRootTest, WorkingDirectoryIsNoDescriptorOfOurs_S6) {
  SKIP_ON_STOCK("has other descriptors");
  Rootfs root;
  for (int number = 3; number < 48; ++number) {
    for (const char* up : {"", "/.."}) {
      root.remove("work");
      fs::create_symlink("/proc/self/fd/" + std::to_string(number) + up, root / "work");
      DomainXml definition = sleeper("work", root);
      definition.os = "    <initdir>/work</initdir>\n";
      try_start(definition, [&](virDomainPtr domain) {
        struct statfs info = {};
        const std::string path = "/proc/" + std::to_string(init_pid(domain)) + "/cwd";
        ASSERT_EQ(statfs(path.c_str(), &info), 0);
        ADD_FAILURE() << "started in descriptor " << number << ", file system " << std::hex << info.f_type
                      << (info.f_type == kCgroupV2 || info.f_type == kCgroupV1 ? ": the host's cgroups" : "");
      });
    }
  }
}

/// As CVE-2019-5736: a container that runs its supervisor's program could write to it afterwards.
TEST_F(HostileRootTest, InitIsNotTheSupervisorsProgram) {
  SKIP_ON_STOCK("has another program");
  const std::string program = fs::path(Daemon::program()).parent_path().parent_path() / "container/lxcell-supervisor";
  const std::string before = read_text(program);
  ASSERT_FALSE(before.empty());
  for (const char* path : {"/proc/self/exe", "/proc/1/exe", "/link", "/script"}) {
    Rootfs root;
    fs::create_symlink("/proc/self/exe", root / "link");
    write_text(root / "script", "#!/proc/self/exe\n", 0755);
    DomainXml definition = xml("self", root);
    definition.init = path;
    try_start(definition);
    EXPECT_EQ(read_text(program), before) << path;
  }
}

/// Who shares an image changes it under a container that starts. Started or not: all the kernel's files are masked.
TEST_F(HostileRootTest, DirectoriesThatChangeDuringTheStart_S1_S3) {
  SKIP_ON_STOCK("follows links of the image on the host");
  Rootfs root;
  fs::create_directories(root / "other/sys");
  for (const char* name : {"proc", "sys", "mnt"}) {
    fs::create_directory(root / (std::string(name) + ".real"));
    fs::create_symlink(std::string(name) + ".real", root / (std::string(name) + ".link"));
    fs::remove_all(root / name);
    fs::create_symlink(outside_ + "/" + (std::string(name) == "mnt" ? "target" : name), root / name);
  }
  // A directory that looks like /proc to whoever looks there a moment later.
  for (const char* path : {"proc.real/sys", "proc.real/irq", "proc.real/bus", "proc.real/fs", "sys.real/firmware"})
    fs::create_directories(root / path);
  for (const char* path : {"proc.real/sysrq-trigger", "proc.real/kcore", "proc.real/keys", "proc.real/timer_list"})
    root.write(path, "");
  std::atomic<bool> stop = false;
  std::thread exchanger([&] {
    const std::string base = root.path() + "/";
    while (!stop) {
      for (const std::string name : {"proc", "sys", "mnt"}) {
        renameat2(AT_FDCWD, (base + name).c_str(), AT_FDCWD, (base + name + ".real").c_str(), RENAME_EXCHANGE);
        renameat2(AT_FDCWD, (base + name).c_str(), AT_FDCWD, (base + name + ".link").c_str(), RENAME_EXCHANGE);
      }
    }
  });
  int started = 0;
  DomainXml definition = sleeper("race", root);
  definition.devices = mount_filesystem(make_folder("given"), "/mnt/given");
  for (int i = 0; i < 200; ++i) {
    started += try_start(definition, [&](virDomainPtr domain) {
      // Every proc there is has a read-only /proc/sys on it, wherever the image's links have led.
      const std::string mounts = proc_file(init_pid(domain), "mountinfo");
      std::istringstream lines(mounts);
      int whole = 0, covered = 0;
      for (std::string line; std::getline(lines, line);) {
        if (line.find(" - proc ") == std::string::npos) continue;
        whole += line.find(" / /") != std::string::npos;
        covered += line.find(" /sys /") != std::string::npos && line.find(" ro,") != std::string::npos;
      }
      EXPECT_GT(whole, 0) << mounts;
      EXPECT_EQ(whole, covered) << mounts;
    });
    EXPECT_EQ(found_outside(), "");
  }
  stop = true;
  exchanger.join();
  std::printf("[ ATTACKS  ] %d of 200 starts on a changing image succeeded, none reached the host\n", started);
  for (const char* name : {"proc", "sys", "mnt"}) {
    root.remove(name);
    root.remove(std::string(name) + ".real");
    root.remove(std::string(name) + ".link");
  }
}

/// Whatever lies where the account databases belong: an answer comes, and soon.
TEST_F(HostileRootTest, PipesDevicesAndEndlessFilesInPlaceOfDatabases) {
  SKIP_ON_STOCK("reads them as it finds them");
  const std::function<void(const std::string&)> kinds[] = {
      [](const std::string& path) { mkfifo(path.c_str(), 0644); },
      [](const std::string& path) { mknod(path.c_str(), S_IFCHR | 0644, makedev(1, 5)); },
      [](const std::string& path) { fs::create_symlink("/dev/zero", path); },
      [](const std::string& path) { fs::create_symlink("/proc/self/fd/0", path); },
      [](const std::string& path) { fs::create_directory(path); },
      [](const std::string& path) {
        write_text(path, "worker:x:");
        fs::resize_file(path, std::uintmax_t{1} << 30);  // a line of a gigabyte, without a block on the disk
      },
      [](const std::string& path) { write_text(path, std::string(1 << 20, ':') + "\nworker:x:4294967295:-1\n"); },
  };
  for (const auto& kind : kinds) {
    Rootfs root;
    for (const char* name : {"etc/passwd", "etc/group"}) {
      root.remove(name);
      kind(root / name);
    }
    DomainXml definition = sleeper("database", root);
    definition.os = "    <inituser>worker</inituser>\n";
    EXPECT_FALSE(try_start(definition)) << "there is no such user";
    for (const char* name : {"etc/passwd", "etc/group"}) root.remove(name);
  }
}

/// shutdown's request to sysvinit goes to a pipe that somebody reads, and to nothing else.
TEST_F(HostileRootTest, InitctlThatIsNoneOrOfTheHost) {
  SKIP_ON_STOCK("opens what it finds");
  const std::string pipe = outside_ + "/initctl";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0666), 0);
  const base::Fd reader(open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  for (const std::string& setup :
       {"ln -s " + pipe + " /run/initctl", "ln -s ../../../../../../.." + pipe + " /run/initctl",
        std::string("mkdir /run/initctl"), std::string("mkfifo /run/initctl"),
        std::string("ln -s initctl /run/initctl"), std::string("ln -s /proc/1/fd/0 /run/initctl"),
        std::string("echo text > /run/initctl"), std::string("ln -s /dev/zero /run/initctl")}) {
    Rootfs root(setup + "\n" + init::kDeaf);
    const Domain domain = create(xml("initctl", root));
    ASSERT_TRUE(root.wait_ready());
    EXPECT_EQ(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_INITCTL), -1) << setup;
    char byte;
    EXPECT_LE(read(reader.get(), &byte, 1), 0) << "written to a pipe of the host: " << setup;
    EXPECT_TRUE(ok(virDomainDestroy(domain))) << setup;
  }
  fs::remove(pipe);
}

/// More output than anybody reads, and none of it kept.
TEST_F(HostileRootTest, ConsoleFlood) {
  SKIP_ON_STOCK("its pty fills and the container stops");
  Rootfs root("dd if=/dev/zero bs=65536 count=4096\n" + std::string(init::kDeaf));
  const Domain domain = create(xml("flood", root));
  const std::string before = status_value(static_cast<pid_t>(virDomainGetID(domain)), "VmRSS");
  ASSERT_TRUE(root.wait_for("ready", scaled(Milliseconds(60000)))) << "256 MiB to a console that nobody reads";
  const auto kib = [](const std::string& text) { return std::atol(text.c_str()); };
  EXPECT_LT(kib(status_value(static_cast<pid_t>(virDomainGetID(domain)), "VmRSS")), kib(before) + 1024);
}

}  // namespace
