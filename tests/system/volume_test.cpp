// Filesystems of type 'volume': directories and images out of the pools of libvirt's storage driver.
#include <filesystem>

#include "support/beside_libvirtd.hpp"
#include "support/devices.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

class VolumeTest : public BesideLibvirtd {
 protected:
  void SetUp() override {
    BesideLibvirtd::SetUp();
    if (IsSkipped()) return;
    connection_ = connect();
    pool_ = make_folder("pool");
    fs::create_directory(pool_ + "/tree");
    write_text(pool_ + "/tree/file", "in the pool\n");
    virsh({"pool-create-as", "shelf", "dir", "--target", pool_});
  }
  void TearDown() override {
    if (!connection_) return;
    remove_own_domains(connection_);
    virsh({"pool-destroy", "shelf"});
    connection_.reset();
  }
  static std::string volume(const std::string& name, const std::string& target, const std::string& pool = "shelf") {
    return "<filesystem type='volume'><source pool='" + pool + "' volume='" + name + "'/><target dir='" + target +
           "'/></filesystem>";
  }
  std::string with(const std::string& devices) const {
    DomainXml xml;
    xml.name = own_name("volume");
    xml.root = root_.path();
    xml.devices = devices;
    return xml;
  }
  Domain create(const std::string& devices) {
    Domain domain(virDomainCreateXML(connection_, with(devices).c_str(), 0));
    EXPECT_TRUE(domain) << last_failure().message;
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  Failure refused(const std::string& devices) const {
    EXPECT_FALSE(Domain(virDomainCreateXML(connection_, with(devices).c_str(), 0))) << devices;
    return last_failure();
  }

  Connection connection_;
  std::string pool_;
  Rootfs root_;
};

TEST_F(VolumeTest, ADirectoryOfAPoolIsMounted) {
  const Domain domain = create(volume("tree", "/data"));
  EXPECT_EQ(enter_shell(domain, "cat /data/file").text, "in the pool\n");
  EXPECT_EQ(xpath(dump(domain), "string(//filesystem[target/@dir='/data']/source/@dir)"), pool_ + "/tree")
      << "the running one shows what it is";
}

TEST_F(VolumeTest, TheDefinitionKeepsTheVolume) {
  const Domain domain(virDomainDefineXML(connection_, with(volume("tree", "/data")).c_str()));
  ASSERT_TRUE(domain) << last_failure().message;
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(//filesystem[@type='volume']/source/@volume)"),
            "tree");
}

TEST_F(VolumeTest, VolumesComeAndGoWhileItRuns) {
  const Domain domain = create("");
  ASSERT_TRUE(ok(attach(domain, volume("tree", "/data"))));
  EXPECT_EQ(enter_shell(domain, "cat /data/file").text, "in the pool\n");
  ASSERT_TRUE(ok(detach(domain, volume("tree", "/data"))));
  EXPECT_EQ(xpath(dump(domain), "count(//filesystem)"), "1");
}

TEST_F(VolumeTest, AnImageOfAPoolIsMounted) {
  if (!fs::exists("/dev/loop-control") || run({"mke2fs", "-V"}).status != 0) GTEST_SKIP() << "no loop devices here";
  const Output made = run({"mke2fs", "-q", "-t", "ext4", "-d", pool_ + "/tree", pool_ + "/image", "16M"});
  ASSERT_EQ(made.status, 0) << made.text;
  virsh({"pool-refresh", "shelf"});
  const Domain domain = create(volume("image", "/data"));
  EXPECT_EQ(enter_shell(domain, "cat /data/file").text, "in the pool\n");
  EXPECT_EQ(xpath(dump(domain), "string(//filesystem[target/@dir='/data']/source/@file)"), pool_ + "/image");
}

TEST_F(VolumeTest, WhatIsNotThereOrNotRawIsRefusedByName) {
  EXPECT_EQ(refused(volume("none", "/data")).code, VIR_ERR_NO_STORAGE_VOL);
  EXPECT_EQ(refused(volume("tree", "/data", "none")).code, VIR_ERR_NO_STORAGE_POOL);
  if (run({"qemu-img", "--version"}).status != 0) return;
  ASSERT_EQ(run({"qemu-img", "create", "-f", "qcow2", pool_ + "/packed", "1M"}).status, 0);
  virsh({"pool-refresh", "shelf"});
  const Failure packed = refused(volume("packed", "/data"));
  EXPECT_EQ(packed.code, VIR_ERR_CONFIG_UNSUPPORTED);
  EXPECT_NE(packed.message.find("'qcow2'"), std::string::npos) << packed.message;
}

}  // namespace
