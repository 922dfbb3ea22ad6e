// Conversions of foreign configurations and the domain capabilities, as a client asks for them.
#include <cstdlib>
#include <memory>

#include "support/fixture.hpp"

namespace {

using namespace support;

class NativeTest : public SystemTest {
 protected:
  std::string from_native(const char* format, const std::string& text) {
    const std::unique_ptr<char, decltype(&free)> xml(
        virConnectDomainXMLFromNative(connection_, format, text.c_str(), 0), free);
    return xml ? xml.get() : "";
  }
  std::string to_native(const char* format, const std::string& xml) {
    const std::unique_ptr<char, decltype(&free)> text(virConnectDomainXMLToNative(connection_, format, xml.c_str(), 0),
                                                      free);
    return text ? text.get() : "";
  }
  std::string lxc_config() const {
    return "lxc.uts.name = " + own_name("native") + "\nlxc.rootfs.path = " + root_.path() +
           "\nlxc.net.0.type = empty\nlxc.cgroup2.memory.max = 64M\nlxc.init.cmd = /sbin/init\n";
  }

  Rootfs root_;
};

TEST_F(NativeTest, AnLxcConfigurationStartsAsADomain) {
  SKIP_ON_STOCK("what it converts has no console and does not start (N16)");
  const std::string xml = from_native("lxc-tools", lxc_config());
  ASSERT_FALSE(xml.empty()) << describe(last_failure());
  EXPECT_EQ(xpath(xml, "string(/domain/name)"), own_name("native"));
  EXPECT_EQ(xpath(xml, "string(/domain/devices/filesystem/source/@dir)"), root_.path());
  EXPECT_EQ(xpath(xml, "count(/domain/features/privnet)"), "1");
  const Domain domain = define_and_start(xml);
  EXPECT_TRUE(root_.wait_ready());
}

TEST_F(NativeTest, WhatIsNotConvertedIsSaid) {
  SKIP_ON_STOCK("it drops what it does not know in silence");
  const std::string xml = from_native("lxc-tools", lxc_config() + "lxc.apparmor.profile = a--b\n");
  EXPECT_NE(xml.find("line 6: lxc.apparmor.profile = a- -b: not converted"), std::string::npos) << xml;
  EXPECT_TRUE(Domain(virDomainDefineXML(connection_, xml.c_str()))) << describe(last_failure());
}

TEST_F(NativeTest, BothFormatsAndBack) {
  SKIP_ON_STOCK("it has one format and one direction");
  const std::string xml = from_native("lxc-tools", lxc_config());
  for (const char* format : {"lxc-tools", "oci-runtime"}) {
    const std::string text = to_native(format, xml);
    EXPECT_NE(text.find(root_.path()), std::string::npos) << format << ": " << describe(last_failure());
    const std::string again = from_native(format, text);
    EXPECT_EQ(xpath(again, "string(/domain/name)"), own_name("native")) << format << ": " << describe(last_failure());
    EXPECT_EQ(xpath(again, "string(/domain/os/init)"), "/sbin/init") << format;
    EXPECT_EQ(xpath(again, "string(//hard_limit)"), "65536") << format;
  }
}

TEST_F(NativeTest, WrongOnesAreRefusedByName) {
  EXPECT_EQ(from_native("docker", lxc_config()), "");
  EXPECT_EQ(last_failure().code, VIR_ERR_INVALID_ARG) << describe(last_failure());
  EXPECT_EQ(from_native("lxc-tools", "this is no configuration"), "");
  EXPECT_EQ(last_failure().code, VIR_ERR_CONF_SYNTAX) << describe(last_failure());
  if (host().is_stock()) return;
  EXPECT_EQ(from_native("oci-runtime", "{"), "");
  EXPECT_EQ(last_failure().code, VIR_ERR_CONF_SYNTAX) << describe(last_failure());
  EXPECT_EQ(to_native("lxc-tools", "<domain/>"), "");
  EXPECT_EQ(last_failure().code, VIR_ERR_NO_NAME) << describe(last_failure());
}

TEST_F(NativeTest, DomainCapabilities) {
  SKIP_ON_STOCK("it does not support the call");
  const auto ask = [&](const char* type) {
    const std::unique_ptr<char, decltype(&free)> xml(
        virConnectGetDomainCapabilities(connection_, nullptr, nullptr, nullptr, type, 0), free);
    return std::string(xml ? xml.get() : "");
  };
  EXPECT_EQ(xpath(ask(nullptr), "string(/domainCapabilities/domain)"), "lxc");
  EXPECT_EQ(ask("lxc"), ask(nullptr));
  EXPECT_EQ(ask("kvm"), "");
  EXPECT_EQ(last_failure().code, VIR_ERR_INVALID_ARG) << describe(last_failure());
}

}  // namespace
