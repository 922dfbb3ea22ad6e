// Which network device a PCI device is, in trees as sysfs has them.
#include "container/pci_links.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"

namespace container {
namespace {

class PciLinksTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lxcell-pci-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    sysfs_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(sysfs_); }
  void make(const std::string& below) const {
    std::filesystem::create_directories(sysfs_ + "/bus/pci/devices/0000:03:10.1/" + below);
  }
  std::string link() const { return link_of_pci_device("0000:03:10.1", sysfs_); }

  std::string sysfs_;
};

TEST_F(PciLinksTest, ACardsOwnAndAVirtioCards) {
  make("net/eth7");
  EXPECT_EQ(link(), "eth7");
  std::filesystem::remove_all(sysfs_ + "/bus");
  make("virtio2/net/eth0");
  EXPECT_EQ(link(), "eth0");
}

TEST_F(PciLinksTest, ADeviceWithoutLinkHasNone) {
  make("net");
  EXPECT_EQ(link(), "");
}

TEST_F(PciLinksTest, NoSuchDeviceAndTooManyLinksAreNamed) {
  const auto refusal = [&]() -> std::string {
    try {
      return "found " + link();
    } catch (const base::Error& error) {
      return error.message();
    }
  };
  EXPECT_NE(refusal().find("cannot find PCI device '0000:03:10.1'"), std::string::npos) << refusal();
  make("net/port0");
  make("net/port1");
  EXPECT_NE(refusal().find("several network devices"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace container
