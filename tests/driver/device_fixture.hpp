// Tests of devices that come, go and change: their XML, and the calls with the code that each gives.
#pragma once

#include <cstdlib>
#include <string>

#include "domain-xml/parse.hpp"
#include "driver/harness.hpp"

namespace test {

inline constexpr unsigned kLive = VIR_DOMAIN_AFFECT_LIVE, kConfig = VIR_DOMAIN_AFFECT_CONFIG, kBoth = kLive | kConfig;

inline int code(int result) {
  return result == 0 ? VIR_ERR_OK : virGetLastError()->code;
}
inline std::string message() {
  return virGetLastErrorMessage();
}

inline std::string nic(const std::string& more = "", const std::string& bridge = "br0") {
  return "<interface type='bridge'><source bridge='" + bridge + "'/>" + more + "</interface>";
}
inline std::string mac(int number) {
  return "<mac address='52:54:00:00:00:0" + std::to_string(number) + "'/>";
}
inline std::string disk(const std::string& target, const std::string& source = "/dev/vda") {
  return "<disk type='block'><source dev='" + source + "'/><target dev='" + target + "'/></disk>";
}
inline std::string filesystem(const std::string& target, const std::string& source = "/srv") {
  return "<filesystem type='mount'><source dir='" + source + "'/><target dir='" + target + "'/></filesystem>";
}
inline std::string host_device(const std::string& path) {
  return "<hostdev mode='capabilities' type='misc'><source><char>" + path + "</char></source></hostdev>";
}

class DevicesTest : public DaemonFixture {
 protected:
  static std::string text(virDomainPtr domain, unsigned flags) {
    char* const xml = virDomainGetXMLDesc(domain, flags);
    EXPECT_NE(xml, nullptr) << virGetLastErrorMessage();
    const std::string copy = xml ? xml : "";
    free(xml);
    return copy;
  }
  static ::domain_xml::DomainDefinition config(virDomainPtr domain) {
    return ::domain_xml::parse_domain(text(domain, VIR_DOMAIN_XML_INACTIVE));
  }
  static ::domain_xml::DomainDefinition live(virDomainPtr domain) {
    return ::domain_xml::parse_status_domain(text(domain, 0));
  }
  static int attach(virDomainPtr domain, const std::string& xml, unsigned flags) {
    return code(virDomainAttachDeviceFlags(domain, xml.c_str(), flags));
  }
  static int detach(virDomainPtr domain, const std::string& xml, unsigned flags) {
    return code(virDomainDetachDeviceFlags(domain, xml.c_str(), flags));
  }
  static int update(virDomainPtr domain, const std::string& xml, unsigned flags) {
    return code(virDomainUpdateDeviceFlags(domain, xml.c_str(), flags));
  }
  void restart() {
    TearDown();
    domains_.clear();
    daemon_.restart();
    conn_ = daemon_.connect();
  }
  virDomainPtr running(const std::string& name) {
    const virDomainPtr domain = define(domain_xml(name));
    EXPECT_EQ(virDomainCreate(domain), 0) << message();
    return domain;
  }
};

}  // namespace test
