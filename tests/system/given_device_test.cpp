// Disks and host devices: nodes in the container's /dev that its init may use, from the start or later.
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>
#include <vector>

#include "support/devices.hpp"
#include "support/fixture.hpp"
#include "support/flipping.hpp"
#include "support/typed_params.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

/// Runs what it is asked to, so that the container's own device policy holds for it.
const char* const kServe =
    "trap 'exit 0' TERM\n: > /ready\n"
    "while :; do\n  if [ -e /ask ]; then sh /ask > /answer.new 2>&1; rm /ask; mv /answer.new /answer; fi\n"
    "  sleep 0.05\ndone\n";

std::string file_disk(const std::string& file, const std::string& target, const std::string& more = "") {
  return "<disk type='file' device='disk'><driver name='loop' type='raw'/><source file='" + file + "'/><target dev='" +
         target + "'/>" + more + "</disk>";
}
std::string block_disk(const std::string& device, const std::string& target) {
  return "<disk type='block' device='disk'><source dev='" + device + "'/><target dev='" + target + "'/></disk>";
}
std::string misc_device(const std::string& path) {
  return "<hostdev mode='capabilities' type='misc'><source><char>" + path + "</char></source></hostdev>";
}

/// A block device of the host's own, for tests that give one away.
class HostDisk {
 public:
  explicit HostDisk(const std::string& file) {
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    path_ = "/dev/loop" + std::to_string(ioctl(control, LOOP_CTL_GET_FREE));
    close(control);
    const int backing = open(file.c_str(), O_RDWR | O_CLOEXEC);
    device_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(ioctl(device_, LOOP_SET_FD, backing), 0);
    close(backing);
  }
  HostDisk(const HostDisk&) = delete;
  HostDisk& operator=(const HostDisk&) = delete;
  ~HostDisk() {
    ioctl(device_, LOOP_CLR_FD, 0);
    close(device_);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int device_ = -1;
};

class GivenDeviceTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!fs::exists("/dev/loop-control")) GTEST_SKIP() << "no loop devices here";
    file_ = make_folder("disk") + "/image";
    write_text(file_, "on the disk\n");
    fs::resize_file(file_, 1 << 20);
    root_.set_init(kServe);
  }
  Domain start(const std::string& devices = "") {
    DomainXml definition = xml("given", root_);
    definition.devices = devices;
    Domain domain = define_and_start(definition);
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  /// What `script` prints when init runs it.
  std::string ask(const std::string& script) {
    root_.remove("answer");
    root_.write("ask.new", script);
    fs::rename(root_ / "ask.new", root_ / "ask");
    EXPECT_TRUE(root_.wait_for("answer"));
    return root_.read("answer");
  }
  std::string first_line(const std::string& device) { return ask("head -n 1 /dev/" + device); }
  /// How many loop devices of the host show the file.
  int loops() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/sys/block"))
      if (read_text(entry.path().string() + "/loop/backing_file") == file_ + "\n") ++count;
    return count;
  }

  Rootfs root_;
  std::string file_;
};

TEST_F(GivenDeviceTest, AFileIsADiskWhileTheContainerRuns) {
  const Domain domain = start(file_disk(file_, "vda"));
  EXPECT_EQ(first_line("vda"), "on the disk\n");
  EXPECT_EQ(ask("printf IN > /dev/vda && echo written"), "written\n");
  EXPECT_EQ(read_text(file_).substr(0, 11), "IN the disk");
  EXPECT_EQ(xpath(dump(domain), "string(//disk/source/@file)"), file_);
  EXPECT_EQ(loops(), 1);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(eventually([&] { return loops() == 0; })) << "once udev has looked";
}

TEST_F(GivenDeviceTest, WhatIsWrittenToAFileIsCountedForItsDisk) {
  if (host().is_stock()) GTEST_SKIP() << "stock counts on the host's disks only";
  const Domain domain = start(file_disk(file_, "vda"));
  virDomainBlockStatsStruct all, vda;
  if (virDomainBlockStats(domain, "", &all, sizeof all) < 0) GTEST_SKIP() << "this host counts no I/O";
  // Directly: the page cache of a loop device may still belong to the cgroup that used it before.
  EXPECT_EQ(ask("dd if=/dev/zero of=/dev/vda bs=4096 count=64 oflag=direct 2>/dev/null && echo written"), "written\n");
  ASSERT_TRUE(ok(virDomainBlockStats(domain, "vda", &vda, sizeof vda)));
  if (!exists("/var/lib/lxcfs/proc/meminfo")) {
    const std::string seen = read_text("/proc/" + std::to_string(init_pid(domain)) + "/root/proc/diskstats");
    const std::string sectors = " 0 " + std::to_string(64 * 4096 / 512) + " 0 ";
    EXPECT_NE(seen.find(sectors), std::string::npos) << "what it wrote: " << seen;
    EXPECT_NE(seen.find(" loop"), std::string::npos) << seen;
  }
  EXPECT_EQ(vda.wr_bytes, 64 * 4096) << control_file(domain, "blkio/blkio.throttle.io_service_bytes", "io.stat");
}

TEST_F(GivenDeviceTest, AReadOnlyDiskIsNotWritten) {
  const Domain domain = start(file_disk(file_, "vda", "<readonly/>"));
  EXPECT_EQ(first_line("vda"), "on the disk\n");
  EXPECT_EQ(ask("(printf IN > /dev/vda) 2>/dev/null || echo refused"), "refused\n");
}

TEST_F(GivenDeviceTest, ABlockDeviceAndACharacterDeviceAreUsable) {
  const HostDisk disk(file_);
  const Domain domain = start(block_disk(disk.path(), "sda") + misc_device("/dev/net/tun"));
  EXPECT_EQ(first_line("sda"), "on the disk\n");
  EXPECT_EQ(ask("stat -c '%F %a' /dev/sda /dev/net/tun; exec 3<>/dev/net/tun && echo opened"),
            "block special file 700\ncharacter special file 700\nopened\n");
}

TEST_F(GivenDeviceTest, WhatIsNotGivenCannotBeOpenedByNumber) {
  const HostDisk disk(file_);
  const Domain domain = start();
  EXPECT_EQ(ask("mknod /dev/mine b 7 " + disk.path().substr(9) +
                " 2>/dev/null; head -c 1 /dev/mine >/dev/null 2>&1 || echo refused"),
            "refused\n");
}

TEST_F(GivenDeviceTest, DisksComeAndGoWhileItRuns) {
  if (host().is_stock()) GTEST_SKIP() << "stock attaches no files";
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, file_disk(file_, "vda"))));
  EXPECT_EQ(first_line("vda"), "on the disk\n");
  EXPECT_EQ(xpath(dump(domain), "string(//disk/alias/@name)"), "disk0");
  ASSERT_TRUE(ok(detach(domain, file_disk(file_, "vda"))));
  EXPECT_EQ(ask("[ -e /dev/vda ] || echo gone"), "gone\n");
  EXPECT_EQ(xpath(dump(domain), "count(//disk)"), "0");
  EXPECT_TRUE(eventually([&] { return loops() == 0; })) << "once udev has looked";
}

TEST_F(GivenDeviceTest, AttachedForTheNextBootOnlyIsThereThen) {
  const HostDisk disk(file_);
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, block_disk(disk.path(), "sda"), kConfig)));
  EXPECT_EQ(ask("[ -e /dev/sda ] || echo not yet"), "not yet\n");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(first_line("sda"), "on the disk\n");
}

TEST_F(GivenDeviceTest, N2AnAttachedCharacterDeviceIsOne) {
  if (host().is_stock()) GTEST_SKIP() << "defect N2";
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, misc_device("/dev/net/tun"))));
  EXPECT_EQ(ask("stat -c %F /dev/net/tun; exec 3<>/dev/net/tun && echo opened"), "character special file\nopened\n");
  ASSERT_TRUE(ok(detach(domain, misc_device("/dev/net/tun"))));
  EXPECT_EQ(ask("[ -e /dev/net/tun ] || echo gone"), "gone\n");
}

TEST_F(GivenDeviceTest, NoLinkThatComesInTheMiddleLeadsANodeOut) {
  SKIP_ON_STOCK("it makes nodes by path");
  const std::string outside = make_folder("outside");
  const Domain domain = start();
  const std::string devices = "/proc/" + std::to_string(init_pid(domain)) + "/root/dev";
  fs::create_directory(devices + "/net");
  fs::create_symlink("../../../../../../.." + outside, devices + "/link");
  unsigned attached = 0, flipped = 0;
  {
    Flipping flipping(devices + "/net", devices + "/link");
    for (int round = 0; round < 200; ++round) {
      if (attach(domain, misc_device("/dev/net/tun")) < 0) continue;
      ++attached;
      EXPECT_TRUE(fs::is_empty(outside)) << "made outside";
      for (int tries = 0; tries < 12 && detach(domain, misc_device("/dev/net/tun")) < 0; ++tries) {
      }
    }
    flipped = flipping.stop();
  }
  EXPECT_GT(attached, 0U);
  EXPECT_GT(flipped, 1000U);
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_TRUE(fs::is_character_file("/dev/net/tun")) << "the host's own";
}

TEST_F(GivenDeviceTest, N9DetachingOneOfTwoDisksLeavesTheOther) {
  if (host().is_stock()) GTEST_SKIP() << "defect N9";
  const HostDisk disk(file_);
  const Domain domain = start(block_disk(disk.path(), "sda") + block_disk(disk.path(), "sdb"));
  ASSERT_TRUE(ok(detach(domain, block_disk(disk.path(), "sda"))));
  EXPECT_EQ(first_line("sdb"), "on the disk\n");
}

TEST_F(GivenDeviceTest, AFailedAttachLeavesNothing) {
  if (host().is_stock()) GTEST_SKIP() << "stock leaves the rule and the node";
  const Domain domain = start();
  const std::string before = dump(domain);
  const auto devices = [&] { return control_file(domain, "devices/devices.list", "cgroup.type"); };
  const std::string rules = devices();
  ask(": > /dev/vda");
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, attach(domain, file_disk(file_, "vda"), kLive | kConfig)));
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, attach(domain, block_disk("/dev/nowhere", "vdb"))));
  EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, attach(domain, block_disk(file_, "vdb"))));
  EXPECT_EQ(dump(domain), before);
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//disk)"), "0");
  EXPECT_EQ(devices(), rules);
  EXPECT_TRUE(eventually([&] { return loops() == 0; })) << "once udev has looked";
}

std::string io_tune(const std::string& limits) {
  return "<iotune>" + limits + "</iotune>";
}

class IoTuneTest : public GivenDeviceTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("it has no limits of disks");
    GivenDeviceTest::SetUp();
  }
  static int set(virDomainPtr domain, const char* disk, const std::map<std::string, unsigned long long>& limits,
                 unsigned flags = 0) {
    virTypedParameterPtr list = nullptr;
    int count = 0, room = 0;
    for (const auto& [name, value] : limits) virTypedParamsAddULLong(&list, &count, &room, name.c_str(), value);
    const int result = virDomainSetBlockIoTune(domain, disk, list, count, flags);
    virTypedParamsFree(list, count);
    return result;
  }
  static TypedValues get(virDomainPtr domain, const char* disk, unsigned flags = 0) {
    int count = 0;
    EXPECT_TRUE(ok(virDomainGetBlockIoTune(domain, nullptr, nullptr, &count, flags)));
    std::vector<virTypedParameter> list(static_cast<std::size_t>(count));
    EXPECT_TRUE(ok(virDomainGetBlockIoTune(domain, disk, list.data(), &count, flags)));
    return typed_values(list.data(), count);
  }
  /// "1048576" as the kernel has it for the loop device behind vda; "" for none.
  std::string write_limit(virDomainPtr domain) {
    const std::string numbers = ask("stat -c '%t %T' /dev/vda");
    unsigned major = 0, minor = 0;
    sscanf(numbers.c_str(), "%x %x", &major, &minor);
    const std::string device = std::to_string(major) + ":" + std::to_string(minor) + " ";
    std::istringstream lines(control_file(domain, "blkio/blkio.throttle.write_bps_device", "io.max"));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(device)) continue;
      const auto at = line.find("wbps=");
      const std::string value = line.substr(at == line.npos ? device.size() : at + 5);
      const std::string word = value.substr(0, value.find(' '));
      return word == "max" ? "" : word;  // v2 has a line while there is a limit of any kind
    }
    return "";
  }
};

TEST_F(IoTuneTest, ADiskIsAsSlowAsItsDefinitionSays) {
  const Domain domain = start(file_disk(file_, "vda", io_tune("<write_bytes_sec>524288</write_bytes_sec>")));
  if (limits_folder(domain, "blkio").empty()) GTEST_SKIP() << "this host limits no I/O";
  EXPECT_EQ(write_limit(domain), "524288");
  EXPECT_EQ(get(domain, "vda")["write_bytes_sec"], TypedValue(524288ULL));
  EXPECT_EQ(get(domain, "vda")["read_iops_sec"], TypedValue(0ULL));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(ask("dd if=/dev/zero of=/dev/vda bs=65536 count=16 oflag=direct 2>/dev/null && echo written"), "written\n");
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::seconds(1)) << "1 MiB takes two";
}

TEST_F(IoTuneTest, LimitsChangeLiveConfigAndBoth) {
  const Domain domain = start(file_disk(file_, "vda"));
  if (limits_folder(domain, "blkio").empty()) GTEST_SKIP() << "this host limits no I/O";
  EXPECT_EQ(write_limit(domain), "");
  ASSERT_TRUE(ok(set(domain, "vda", {{"write_bytes_sec", 4194304}, {"read_iops_sec", 900}})));
  EXPECT_EQ(write_limit(domain), "4194304");
  EXPECT_EQ(get(domain, file_.c_str())["read_iops_sec"], TypedValue(900ULL)) << "by its source too";
  EXPECT_EQ(get(domain, "vda", kConfig)["write_bytes_sec"], TypedValue(0ULL));
  EXPECT_EQ(xpath(dump(domain), "string(//disk/iotune/write_bytes_sec)"), "4194304");
  ASSERT_TRUE(ok(set(domain, "vda", {{"write_bytes_sec", 2097152}}, kConfig)));
  EXPECT_EQ(write_limit(domain), "4194304");
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(//disk/iotune/write_bytes_sec)"), "2097152");
  ASSERT_TRUE(ok(set(domain, "vda", {{"write_bytes_sec", 0}}, kLive | kConfig)));
  EXPECT_EQ(write_limit(domain), "") << "lifted";
  EXPECT_EQ(get(domain, "vda")["read_iops_sec"], TypedValue(900ULL)) << "what was not named stays";
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//iotune)"), "0");
}

TEST_F(IoTuneTest, AnAttachedDiskBringsItsLimits) {
  const Domain domain = start();
  if (limits_folder(domain, "blkio").empty()) GTEST_SKIP() << "this host limits no I/O";
  const std::string disk = file_disk(file_, "vda", io_tune("<write_bytes_sec>4194304</write_bytes_sec>"));
  ASSERT_TRUE(ok(attach(domain, disk)));
  EXPECT_EQ(write_limit(domain), "4194304");
  ASSERT_TRUE(ok(detach(domain, disk)));
  EXPECT_EQ(control_file(domain, "blkio/blkio.throttle.write_bps_device", "io.max").find("4194304"), std::string::npos);
}

TEST_F(IoTuneTest, WhatTheKernelCannotDoIsRefusedByName) {
  const Domain domain = start(file_disk(file_, "vda"));
  const std::string before = dump(domain, VIR_DOMAIN_XML_INACTIVE);
  for (const char* name : {"total_bytes_sec", "total_iops_sec", "write_bytes_sec_max", "size_iops_sec"}) {
    EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, set(domain, "vda", {{name, 1}}, kLive | kConfig)));
    EXPECT_NE(last_failure().message.find(name), std::string::npos) << last_failure().message;
    const std::string disk = file_disk(file_, "vdb", io_tune("<" + std::string(name) + ">1</" + name + ">"));
    EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, attach(domain, disk))) << name;
  }
  EXPECT_TRUE(ok(set(domain, "vda", {{"total_bytes_sec", 0}}, kConfig))) << "which it is";
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set(domain, "vda", {{"nonsense", 1}})));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, set(domain, "vdz", {{"read_bytes_sec", 1}})));
  EXPECT_EQ(dump(domain, VIR_DOMAIN_XML_INACTIVE), before);
}

TEST_F(GivenDeviceTest, WhatCannotBeGivenIsRefusedByName) {
  const auto refusal = [&](const std::string& device) {
    DomainXml definition = xml("refused", root_);
    definition.devices = device;
    EXPECT_FALSE(Domain(virDomainCreateXML(connection_, definition.text().c_str(), 0))) << device;
    return last_failure().message;
  };
  EXPECT_NE(refusal(file_disk("/nowhere/image", "vda")).find("/nowhere/image"), std::string::npos);
  if (host().is_stock()) return;
  EXPECT_NE(refusal("<disk type='file'><driver type='qcow2'/><source file='" + file_ + "'/><target dev='vda'/></disk>")
                .find("qcow2"),
            std::string::npos);
  EXPECT_NE(refusal(misc_device("/dev/../etc/passwd")).find("/dev/../etc/passwd"), std::string::npos);
  EXPECT_NE(refusal(misc_device("/dev/loop0")).find("no character device"), std::string::npos);
}

}  // namespace
