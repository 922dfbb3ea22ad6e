// Filesystems that come to, change in and leave a container that runs.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "support/devices.hpp"
#include "support/fixture.hpp"
#include "support/flipping.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

std::string ram_disk(const std::string& target) {
  return "<filesystem type='ram'><source usage='8' units='MiB'/><target dir='" + target + "'/></filesystem>";
}
std::string of_type(const std::string& type, const std::string& source, const std::string& target,
                    const std::string& attributes = "") {
  return "<filesystem type='" + type + "'" + attributes + "><source dir='" + source + "'/><target dir='" + target +
         "'/></filesystem>";
}

class FilesystemChangeTest : public SystemTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("it attaches no filesystems");
    source_ = make_folder("source");
    write_text(source_ + "/file", "from the host\n");
  }
  Domain start(const std::string& elements = "") {
    DomainXml definition = xml("change", root_);
    definition.elements = elements;
    Domain domain = define_and_start(definition);
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  /// What `script` prints in the container, errors included.
  static std::string inside(virDomainPtr domain, const std::string& script) {
    return enter_shell(domain, "(" + script + ") 2>&1").text;
  }
  /// How often something is mounted at `path`, or all mounts there are.
  static std::string mounts(virDomainPtr domain) { return proc_file(init_pid(domain), "mountinfo"); }

  Rootfs root_;
  std::string source_;
};

TEST_F(FilesystemChangeTest, ADirectoryComesAndGoesWithItsMountPoint) {
  const Domain domain = start();
  const std::string before = mounts(domain);
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/new/data"), kLive | kConfig)));
  EXPECT_EQ(inside(domain, "cat /new/data/file && echo inside > /new/data/answer"), "from the host\n");
  EXPECT_EQ(read_text(source_ + "/answer"), "inside\n");
  EXPECT_EQ(xpath(dump(domain), "string(//filesystem[target/@dir='/new/data']/alias/@name)"), "fs1");
  EXPECT_TRUE(fs::is_empty(root_ / "new/data")) << "the host sees no mount";
  ASSERT_TRUE(ok(detach(domain, mount_filesystem(source_, "/new/data"), kLive | kConfig)));
  EXPECT_EQ(mounts(domain), before);
  EXPECT_FALSE(root_.has("new")) << "made for it";
  for (const unsigned form : {0U, unsigned{VIR_DOMAIN_XML_INACTIVE}})
    EXPECT_EQ(xpath(dump(domain, form), "count(//filesystem)"), "1");
  EXPECT_TRUE(fs::exists(source_ + "/file"));
}

TEST_F(FilesystemChangeTest, AReadOnlyOneOfTheStartStaysSoAndCanBeDetached) {
  for (const std::string ids : {"",
                                "  <idmap><uid start='0' target='700000' count='65536'/>"
                                "<gid start='0' target='700000' count='65536'/></idmap>\n"}) {
    DomainXml definition = xml("locked", root_);
    definition.elements = ids;
    const std::string readonly = mount_filesystem(source_, "/data", true),
                      writable = mount_filesystem(source_, "/both");
    definition.devices = readonly + writable;
    const Domain domain = create(definition);
    ASSERT_TRUE(root_.wait_ready());
    for (const char* how : {"mount -o remount,bind,rw /data", "mount -o remount,rw /data",
                            "mount -o remount,bind,rw /proc/sys", "umount /proc/sys", "umount /sys"})
      EXPECT_EQ(inside(domain, std::string(how) + " && echo done || echo refused").find("done"), std::string::npos)
          << how;
    EXPECT_NE(inside(domain, "echo x > /data/file").find("Read-only file system"), std::string::npos);
    EXPECT_EQ(mounts(domain).find("master:"), std::string::npos) << "nothing comes to it from elsewhere any more";
    ASSERT_TRUE(ok(detach(domain, readonly)));
    ASSERT_TRUE(ok(detach(domain, writable)));
    EXPECT_EQ(mounts(domain).find(" /data "), std::string::npos);
    EXPECT_EQ(virDomainDestroy(domain), 0);
    EXPECT_EQ(read_text(source_ + "/file"), "from the host\n");
  }
}

TEST_F(FilesystemChangeTest, AReadOnlyOneThatComesLaterStaysSoAndCanBeDetached) {
  const std::string below = source_ + "/below";
  fs::create_directory(below);
  ASSERT_EQ(::mount("tmpfs", below.c_str(), "tmpfs", 0, "size=64k"), 0);
  write_text(below + "/deep", "deep\n");
  for (const std::string ids : {"",
                                "  <idmap><uid start='0' target='700000' count='65536'/>"
                                "<gid start='0' target='700000' count='65536'/></idmap>\n"}) {
    const Domain domain = start(ids);
    const std::string readonly = mount_filesystem(source_, "/data", true), file = source_ + "/file",
                      one_file = mount_filesystem(file, "/one", true);
    ASSERT_TRUE(ok(attach(domain, readonly)) && ok(attach(domain, one_file)) && ok(attach(domain, ram_disk("/ram"))));
    for (const char* how :
         {"mount -o remount,bind,rw /data", "mount -o remount,rw /data", "mount -o remount,bind,rw /data/below",
          "mount -o remount,bind,rw /one", "mount -o remount,bind,suid /ram", "mount -o remount,bind,dev /ram",
          "umount /data/below", "mkdir -p /other && mount --bind /data /other && mount -o remount,bind,rw /other",
          "unshare -m mount -o remount,bind,rw /data"})
      EXPECT_EQ(inside(domain, std::string(how) + " && echo done || echo refused").find("done"), std::string::npos)
          << how;
    for (const char* what : {"/data/file", "/data/below/deep", "/one"})
      EXPECT_EQ(inside(domain, std::string("echo x >> ") + what + " && echo done").find("done"), std::string::npos)
          << what;
    EXPECT_EQ(inside(domain, "cat /data/file /data/below/deep /one"), "from the host\ndeep\nfrom the host\n");
    EXPECT_EQ(mounts(domain).find("master:"), std::string::npos) << "nothing comes to it from elsewhere";
    for (const std::string& device : {readonly, one_file, ram_disk("/ram")}) EXPECT_TRUE(ok(detach(domain, device)));
    for (const char* target : {" /data", " /one", " /ram"})
      EXPECT_EQ(mounts(domain).find(target), std::string::npos) << target;
    EXPECT_EQ(virDomainDestroy(domain), 0);
    virDomainUndefine(domain);
    root_.remove("ready");
  }
  EXPECT_EQ(read_text(source_ + "/file"), "from the host\n");
  EXPECT_EQ(read_text(below + "/deep"), "deep\n");
  EXPECT_EQ(::umount(below.c_str()), 0) << "nothing holds it";
}

TEST_F(FilesystemChangeTest, MountPointsGoWithTheContainerToo) {
  fs::create_directory(root_ / "mine");
  root_.write("mine/kept", "");
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/new/data"))));
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_ + "/file", "/new/file"))));
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/mine"))));
  EXPECT_EQ(inside(domain, "cat /new/file; ls /mine"), "from the host\nfile\n");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_FALSE(root_.has("new"));
  EXPECT_TRUE(root_.has("mine/kept"));
}

TEST_F(FilesystemChangeTest, ReadOnlyIsReadOnlyWithWhatLiesBelow) {
  const std::string below = source_ + "/below";
  fs::create_directory(below);
  ASSERT_EQ(::mount("tmpfs", below.c_str(), "tmpfs", 0, "size=64k"), 0);
  write_text(below + "/deep", "deep\n");
  const Domain domain = start();
  const bool attached = ok(attach(domain, mount_filesystem(source_, "/data", true)));
  EXPECT_EQ(inside(domain, "cat /data/below/deep; touch /data/x || touch /data/below/x || echo refused").find("deep\n"),
            0U);
  EXPECT_FALSE(fs::exists(source_ + "/x"));
  EXPECT_FALSE(fs::exists(below + "/x"));
  EXPECT_TRUE(attached && ok(detach(domain, mount_filesystem(source_, "/data", true))));
  EXPECT_EQ(mounts(domain).find("/data"), std::string::npos) << "both are gone";
  EXPECT_EQ(read_text(below + "/deep"), "deep\n");
  EXPECT_EQ(::umount(below.c_str()), 0) << "nothing holds it";
}

TEST_F(FilesystemChangeTest, RamAndBindsComeAndGo) {
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, ram_disk("/ram"))));
  EXPECT_EQ(inside(domain, "echo x > /ram/x && df -m /ram | tail -n 1 | awk '{print $2}'"), "8\n");
  EXPECT_NE(inside(domain, "grep ' /ram ' /proc/self/mountinfo").find("nosuid,nodev"), std::string::npos);
  ASSERT_TRUE(ok(attach(domain, of_type("bind", "/ram", "/again"))));
  EXPECT_EQ(inside(domain, "cat /again/x"), "x\n");
  ASSERT_TRUE(ok(detach(domain, of_type("bind", "/ram", "/again"))));
  ASSERT_TRUE(ok(detach(domain, ram_disk("/ram"))));
  EXPECT_EQ(mounts(domain).find("/ram"), std::string::npos);
}

/// Asked of init, since who enters from outside has none of the container's ids.
TEST_F(FilesystemChangeTest, N11AUserNamespaceSeesItsOwnIds) {
  root_.set_init(
      "trap 'exit 0' TERM\n: > /ready\nwhile [ ! -e /go ]; do sleep 0.05; done\n"
      "(stat -c %u /mapped/file /plain/file /mapped /ram; echo x > /ram/x && echo y > /mapped/y; "
      "stat -c %u /ram/x /mapped/y) > /answer.new 2>&1\nmv /answer.new /answer\n"
      "while :; do sleep 0.05; done\n");
  const std::string range = " start='0' target='700000' count='65536'/>";
  const Domain domain = start("  <idmap><uid" + range + "<gid" + range + "</idmap>\n");
  ASSERT_TRUE(ok(attach(domain, of_type("mount", source_, "/mapped", " accessmode='mapped'"))));
  ASSERT_TRUE(ok(attach(domain, of_type("mount", source_, "/plain"))));
  ASSERT_TRUE(ok(attach(domain, ram_disk("/ram"))));
  root_.write("go", "");
  EXPECT_TRUE(root_.wait_for("answer"));
  EXPECT_EQ(root_.read("answer"), "0\n65534\n0\n0\n0\n0\n");
  struct stat made {};
  ASSERT_EQ(::stat((source_ + "/y").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 0U);
  ASSERT_EQ(::lstat((root_ / "mapped").c_str(), &made), 0) << "the mount point, as a start makes it";
  EXPECT_EQ(made.st_uid, 0U);
  for (const char* target : {"/mapped", "/plain", "/ram"})
    EXPECT_TRUE(ok(detach(domain, of_type("mount", source_, target))));
}

TEST_F(FilesystemChangeTest, OneThatIsInUseStaysWhole) {
  const std::string below = source_ + "/below";
  fs::create_directory(below);
  ASSERT_EQ(::mount("tmpfs", below.c_str(), "tmpfs", 0, "size=64k"), 0);
  const std::string device = mount_filesystem(source_, "/data");
  root_.set_init(
      "trap 'exit 0' TERM\n: > /ready\nwhile [ ! -e /go ]; do sleep 0.05; done\ncd /data && : > /there\n"
      "while [ -e /go ]; do sleep 0.05; done\ncd / && : > /away\nwhile :; do sleep 0.05; done\n");
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, device, kLive | kConfig)));
  root_.write("go", "");
  EXPECT_TRUE(root_.wait_for("there"));
  const std::string before = dump(domain);
  EXPECT_TRUE(fails_with(VIR_ERR_RESOURCE_BUSY, detach(domain, device, kLive | kConfig)));
  EXPECT_NE(last_failure().message.find("'/data' is in use"), std::string::npos) << last_failure().message;
  EXPECT_TRUE(fails_with(VIR_ERR_RESOURCE_BUSY, update(domain, mount_filesystem(source_, "/data", true))));
  EXPECT_EQ(dump(domain), before);
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//filesystem)"), "2");
  EXPECT_EQ(inside(domain, "cat /data/file; grep -c ' /data/below ' /proc/self/mountinfo"), "from the host\n1\n");
  root_.remove("go");
  EXPECT_TRUE(root_.wait_for("away"));
  EXPECT_TRUE(ok(detach(domain, device, kLive | kConfig)));
  EXPECT_EQ(mounts(domain).find("/data"), std::string::npos);
  EXPECT_EQ(::umount(below.c_str()), 0);
}

TEST_F(FilesystemChangeTest, AnUpdateExchangesTheSource) {
  const std::string other = make_folder("other");
  write_text(other + "/file", "the other\n");
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/data"))));
  ASSERT_TRUE(ok(update(domain, mount_filesystem(other, "/data", true))));
  EXPECT_EQ(inside(domain, "cat /data/file; touch /data/x 2>/dev/null || echo refused"), "the other\nrefused\n");
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, update(domain, mount_filesystem("/nowhere", "/data"))));
  EXPECT_EQ(inside(domain, "cat /data/file"), "the other\n");
  EXPECT_EQ(xpath(dump(domain), "string(//filesystem[target/@dir='/data']/source/@dir)"), other);
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, update(domain, mount_filesystem(other, "/"))));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, detach(domain, mount_filesystem(root_.path(), "/"))));
}

TEST_F(FilesystemChangeTest, AFailedAttachLeavesNothing) {
  root_.write("a-file", "");
  const Domain domain = start();
  const std::string xml_before = dump(domain), before = mounts(domain);
  const auto refused = [&](int code, const std::string& device) {
    EXPECT_TRUE(fails_with(code, attach(domain, device, kLive | kConfig))) << device;
  };
  refused(VIR_ERR_SYSTEM_ERROR, mount_filesystem("/nowhere", "/new/data"));
  EXPECT_NE(last_failure().message.find("'/nowhere'"), std::string::npos) << last_failure().message;
  refused(VIR_ERR_SYSTEM_ERROR, mount_filesystem(source_, "/a-file"));
  refused(VIR_ERR_SYSTEM_ERROR, mount_filesystem(source_ + "/file", "/tmp"));
  refused(VIR_ERR_SYSTEM_ERROR, of_type("bind", "/not/there", "/new/bind"));
  refused(VIR_ERR_CONFIG_UNSUPPORTED,
          "<filesystem type='template'><source name='x'/><target dir='/new/template'/></filesystem>");
  refused(VIR_ERR_INVALID_ARG, mount_filesystem(source_, "/"));
  EXPECT_EQ(dump(domain), xml_before);
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//filesystem)"), "1");
  EXPECT_EQ(mounts(domain), before);
  EXPECT_FALSE(root_.has("new"));
}

TEST_F(FilesystemChangeTest, NoLinkInsideLeadsOut) {
  const std::string outside = make_folder("outside");
  fs::create_directories(root_ / outside.substr(1));
  fs::create_symlink(outside, root_ / "absolute");
  fs::create_symlink("../../../../../../.." + outside, root_ / "relative");
  fs::create_symlink("/proc/1/root/etc", root_ / "magic");
  const Domain domain = start();
  for (const char* target : {"/absolute", "/relative/more"})
    ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, target)))) << target;
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, attach(domain, mount_filesystem(source_, "/magic"))));
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_EQ(read_text("/proc/self/mountinfo").find(outside), std::string::npos);
  EXPECT_EQ(inside(domain, "cat " + outside + "/file"), "from the host\n") << "as a start resolves it";
  for (const char* target : {"/relative/more", "/absolute"})
    EXPECT_TRUE(ok(detach(domain, mount_filesystem(source_, target)))) << target;
  EXPECT_EQ(mounts(domain).find(source_), std::string::npos);
}

TEST_F(FilesystemChangeTest, NoLinkThatComesInTheMiddleLeadsOut) {
  const std::string outside = make_folder("outside");
  fs::create_directories(root_ / "spot");
  fs::create_symlink("../../../../../../.." + outside, root_ / "link");
  const Domain domain = start();
  const std::string before = mounts(domain);
  const std::string root = "/proc/" + std::to_string(init_pid(domain)) + "/root";
  unsigned attached = 0, detached = 0, flipped = 0;
  {
    Flipping flipping(root + "/spot", root + "/link");
    for (int round = 0; round < 100; ++round) {
      const std::string target = round % 2 == 0 ? "/spot" : "/spot/deep/in/it";
      if (attach(domain, mount_filesystem(source_, target)) < 0) continue;
      ++attached;
      EXPECT_TRUE(fs::is_empty(outside)) << "made outside";
      EXPECT_EQ(read_text("/proc/self/mountinfo").find(outside), std::string::npos) << "mounted outside";
      // It may be looked for where the names point to now: then it is not there, and still the domain's.
      for (int tries = 0; tries < 12 && detach(domain, mount_filesystem(source_, target)) < 0; ++tries) {
      }
      detached += xpath(dump(domain), "count(//filesystem)") == "1" ? 1 : 0;
    }
    flipped = flipping.stop();
  }
  EXPECT_GT(attached, 0U);
  EXPECT_EQ(detached, attached);
  EXPECT_GT(flipped, 1000U);
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_EQ(read_text("/proc/self/mountinfo").find(outside), std::string::npos);
  EXPECT_EQ(read_text(source_ + "/file"), "from the host\n");
}

TEST_F(FilesystemChangeTest, ADetachTakesNothingOfTheContainersOwn) {
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/a/interrupts"))));
  ASSERT_EQ(inside(domain, "mv /a /b && ln -s /proc /a && echo moved"), "moved\n");
  const std::string before = mounts(domain);
  ASSERT_NE(before.find(" /proc/interrupts "), std::string::npos) << "hidden from the start";
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, detach(domain, mount_filesystem(source_, "/a/interrupts"))));
  EXPECT_EQ(mounts(domain), before);
  ASSERT_EQ(inside(domain, "rm /a && mv /b /a && echo back"), "back\n");
  EXPECT_TRUE(ok(detach(domain, mount_filesystem(source_, "/a/interrupts"))));
}

TEST_F(FilesystemChangeTest, OneThatWasUnmountedInsideCanStillBeDetached) {
  const Domain domain = start();
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/data"))));
  ASSERT_EQ(inside(domain, "umount /data && echo gone"), "gone\n");
  EXPECT_TRUE(ok(detach(domain, mount_filesystem(source_, "/data"))));
  EXPECT_EQ(xpath(dump(domain), "count(//filesystem)"), "1");
}

TEST_F(FilesystemChangeTest, OneFromTheStartCanGo) {
  DomainXml definition = xml("change", root_);
  definition.devices = mount_filesystem(source_, "/data");
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_TRUE(ok(detach(domain, definition.devices)));
  EXPECT_EQ(mounts(domain).find(" /data "), std::string::npos);
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//filesystem)"), "2");
}

TEST_F(FilesystemChangeTest, APausedContainerIsGivenOneToo) {
  const Domain domain = start();
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  EXPECT_TRUE(ok(attach(domain, mount_filesystem(source_, "/data"))));
  ASSERT_TRUE(ok(virDomainResume(domain)));
  EXPECT_EQ(inside(domain, "cat /data/file"), "from the host\n");
}

struct DeviceEvents {
  std::atomic<int> added = 0, removed = 0;
  static void on_added(virConnectPtr, virDomainPtr, const char* alias, void* data) {
    if (std::string(alias) == "fs1") ++static_cast<DeviceEvents*>(data)->added;
  }
  static void on_removed(virConnectPtr, virDomainPtr, const char* alias, void* data) {
    if (std::string(alias) == "fs1") ++static_cast<DeviceEvents*>(data)->removed;
  }
};

TEST_F(FilesystemChangeTest, N8EventsTellByAlias) {
  const Domain domain = start();
  DeviceEvents seen;
  const int added = virConnectDomainEventRegisterAny(connection_, domain, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
                                                     VIR_DOMAIN_EVENT_CALLBACK(DeviceEvents::on_added), &seen, nullptr);
  const int removed =
      virConnectDomainEventRegisterAny(connection_, domain, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                       VIR_DOMAIN_EVENT_CALLBACK(DeviceEvents::on_removed), &seen, nullptr);
  ASSERT_TRUE(ok(attach(domain, mount_filesystem(source_, "/data"))));
  EXPECT_TRUE(eventually([&] { return seen.added == 1; }));
  ASSERT_TRUE(ok(virDomainDetachDeviceAlias(domain, "fs1", kLive)));
  EXPECT_TRUE(eventually([&] { return seen.removed == 1; }));
  for (const int callback : {added, removed})
    EXPECT_TRUE(ok(virConnectDomainEventDeregisterAny(connection_, callback)));
}

}  // namespace
