// Filesystems in image files and on block devices: at the start, as the root, and while the container runs.
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

constexpr unsigned kLive = VIR_DOMAIN_AFFECT_LIVE;

std::string image_filesystem(const std::string& file, const std::string& target, const std::string& more = "",
                             const std::string& driver = "<driver type='loop' format='raw'/>") {
  return "<filesystem type='file'>" + driver + "<source file='" + file + "'/><target dir='" + target + "'/>" + more +
         "</filesystem>";
}
std::string block_filesystem(const std::string& device, const std::string& target) {
  return "<filesystem type='block'><source dev='" + device + "'/><target dir='" + target + "'/></filesystem>";
}

class ImageFilesystemTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!fs::exists("/dev/loop-control")) GTEST_SKIP() << "no loop devices here";
    if (run({"mke2fs", "-V"}).status != 0) GTEST_SKIP() << "no mke2fs here";
    folder_ = make_folder("image");
  }
  /// An image with the files of `content`.
  std::string make_image(const std::string& name, const std::string& content, const std::string& megabytes = "16M") {
    const std::string file = folder_ + "/" + name;
    const Output made = run({"mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", content, file, megabytes});
    EXPECT_EQ(made.status, 0) << made.text;
    return file;
  }
  std::string make_content() {
    const std::string content = make_folder("content");
    write_text(content + "/file", "in the image\n");
    return content;
  }
  Domain start(const std::string& devices, const std::string& elements = "") {
    DomainXml definition = xml("image", root_);
    definition.devices = devices;
    definition.elements = elements;
    Domain domain = define_and_start(definition);
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  static std::string inside(virDomainPtr domain, const std::string& script) {
    return enter_shell(domain, "(" + script + ") 2>&1").text;
  }
  /// How many loop devices of the host show files of this test.
  int loops() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/sys/block"))
      if (read_text(entry.path().string() + "/loop/backing_file").starts_with(folder_)) ++count;
    return count;
  }
  /// A mount that has gone is let go of a moment later, by the kernel.
  bool no_loops_left() const {
    return eventually([&] { return loops() == 0; });
  }
  std::string refusal(const std::string& device) {
    DomainXml definition = xml("refused", root_);
    definition.devices = device;
    EXPECT_FALSE(Domain(virDomainCreateXML(connection_, definition.text().c_str(), 0))) << device;
    return last_failure().message;
  }

  Rootfs root_;
  std::string folder_;
};

TEST_F(ImageFilesystemTest, AFileIsMountedFromTheStart) {
  const std::string file = make_image("ext4", make_content());
  const Domain domain = start(image_filesystem(file, "/data"));
  EXPECT_EQ(inside(domain, "cat /data/file && echo kept > /data/kept && cat /data/kept"), "in the image\nkept\n");
  EXPECT_EQ(xpath(dump(domain), "string(//filesystem[@type='file']/source/@file)"), file);
  EXPECT_EQ(loops(), 1);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(no_loops_left());
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(inside(domain, "cat /data/kept"), "kept\n");
}

TEST_F(ImageFilesystemTest, ReadOnlyIsNotWrittenByTheKernelEither) {
  const std::string file = make_image("ext4", make_content());
  const std::string before = read_text(file);
  const Domain domain = start(image_filesystem(file, "/data", "<readonly/>"));
  EXPECT_EQ(inside(domain, "cat /data/file; touch /data/x 2>/dev/null || echo refused"), "in the image\nrefused\n");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(no_loops_left());
  EXPECT_EQ(read_text(file), before);
}

TEST_F(ImageFilesystemTest, ABlockDeviceIsMounted) {
  const std::string file = make_image("ext4", make_content());
  const Output device = run({"losetup", "--find", "--show", file});
  ASSERT_EQ(device.status, 0) << device.text;
  const std::string path = device.text.substr(0, device.text.size() - 1);
  {
    const Domain domain = start(block_filesystem(path, "/data"));
    EXPECT_EQ(inside(domain, "cat /data/file"), "in the image\n");
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
  }
  EXPECT_EQ(run({"losetup", "--detach", path}).status, 0);
  EXPECT_TRUE(no_loops_left());
}

TEST_F(ImageFilesystemTest, TheRootMayBeAnImage) {
  root_.remove("ready");
  const std::string file = make_image("root", root_.path(), "32M");
  DomainXml definition = xml("image-root");
  definition.devices = image_filesystem(file, "/");
  const Domain domain = define(definition);
  for (int boot = 0; boot < 2; ++boot) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    EXPECT_TRUE(eventually([&] { return inside(domain, "ls /ready") == "/ready\n"; }));
    EXPECT_EQ(inside(domain, "rm /ready; grep ' / / ' /proc/self/mountinfo | grep -c ext4"), "1\n");
    EXPECT_EQ(xpath(dump(domain), "string(//filesystem/source/@file)"), file);
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_TRUE(no_loops_left());
  }
}

TEST_F(ImageFilesystemTest, N11ItsFilesAreTheContainersOwn) {
  SKIP_ON_STOCK("N11: never shifts an image");
  const std::string file = make_image("ext4", make_content()), root = make_image("root", root_.path(), "32M");
  const std::string range = " start='0' target='700000' count='65536'/>";
  DomainXml definition = xml("image-ids");
  definition.elements = "  <idmap><uid" + range + "<gid" + range + "</idmap>\n";
  definition.devices = image_filesystem(root, "/") + image_filesystem(file, "/data");
  definition.init = "/bin/sh";
  definition.arguments = {"-c",
                          "stat -c %u /bin /data/file; echo x | tee /data/y; stat -c %u /data/y; echo end; "
                          "exec sleep 100000"};
  const Domain domain = define_and_start(definition);
  const auto console = Console::open(domain);
  ASSERT_TRUE(console && console->wait_for("end\r\n"));
  EXPECT_NE(console->text().find("0\r\n0\r\nx\r\n0\r\nend\r\n"), std::string::npos) << console->text();
}

TEST_F(ImageFilesystemTest, ImagesComeAndGoWhileItRuns) {
  SKIP_ON_STOCK("it attaches no filesystems");
  const std::string file = make_image("ext4", make_content());
  const Domain domain = start("");
  ASSERT_TRUE(ok(virDomainAttachDeviceFlags(domain, image_filesystem(file, "/data").c_str(), kLive)));
  EXPECT_EQ(inside(domain, "cat /data/file"), "in the image\n");
  EXPECT_EQ(loops(), 1);
  ASSERT_TRUE(ok(virDomainDetachDeviceFlags(domain, image_filesystem(file, "/data").c_str(), kLive)));
  EXPECT_EQ(inside(domain, "ls /data 2>/dev/null || echo gone"), "gone\n");
  EXPECT_TRUE(no_loops_left());
}

TEST_F(ImageFilesystemTest, AnImageInUseIsNotMountedTwice) {
  SKIP_ON_STOCK("two containers write to one image");
  const std::string file = make_image("ext4", make_content());
  const Domain domain = start(image_filesystem(file, "/data"));
  EXPECT_NE(refusal(image_filesystem(file, "/data")).find("in use already"), std::string::npos);
  EXPECT_NE(refusal(image_filesystem(file, "/data", "<readonly/>")).find("in use already"), std::string::npos);
  EXPECT_TRUE(fails_with(VIR_ERR_RESOURCE_BUSY,
                         virDomainAttachDeviceFlags(domain, image_filesystem(file, "/again").c_str(), kLive)));
  EXPECT_EQ(loops(), 1);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(no_loops_left());
  const std::string both =
      image_filesystem(file, "/one", "<readonly/>") + image_filesystem(file, "/two", "<readonly/>");
  const Domain reading = define_and_start([&] {
    DomainXml definition = xml("reading", root_);
    definition.devices = both;
    return definition;
  }());
  EXPECT_EQ(inside(reading, "cat /one/file /two/file"), "in the image\nin the image\n") << "nobody writes";
}

TEST_F(ImageFilesystemTest, WhatCannotBeMountedIsNamedAndLeavesNothing) {
  const std::string empty = folder_ + "/empty";
  write_text(empty, "");
  fs::resize_file(empty, 1 << 20);
  EXPECT_NE(refusal(image_filesystem("/nowhere/image", "/data")).find("/nowhere/image"), std::string::npos);
  if (host().is_stock()) return;
  EXPECT_NE(refusal(image_filesystem(empty, "/data")).find("no file system found in '" + empty), std::string::npos);
  EXPECT_NE(refusal(image_filesystem(empty, "/data", "", "<driver type='loop' format='qcow2'/>")).find("'qcow2'"),
            std::string::npos);
  EXPECT_NE(refusal(image_filesystem(empty, "/data", "", "<driver type='nbd' format='raw'/>")).find("'nbd'"),
            std::string::npos);
  EXPECT_NE(refusal(block_filesystem(empty, "/data")).find("no block device"), std::string::npos);
  EXPECT_TRUE(no_loops_left());
}

}  // namespace
