#include "domain-xml/domain_capabilities.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"

namespace domain_xml {
namespace {

const DomainCapabilitiesHost kThisHost{.arch = "x86_64", .emulator = "/usr/libexec/lxcell-supervisor", .max_vcpus = 8};

TEST(DomainCapabilities, AnswerForThisHost) {
  const std::string text = format_domain_capabilities({}, kThisHost);
  EXPECT_EQ(text.find("<domainCapabilities>\n"
                      "  <path>/usr/libexec/lxcell-supervisor</path>\n"
                      "  <domain>lxc</domain>\n"
                      "  <arch>x86_64</arch>\n"
                      "  <vcpu max='8'/>\n"),
            0U)
      << text;
  EXPECT_EQ(text, format_domain_capabilities({kThisHost.emulator, "x86_64", "", "lxc"}, kThisHost));
}

TEST(DomainCapabilities, The32BitSiblingRunsToo) {
  EXPECT_NE(format_domain_capabilities({.arch = "i686"}, kThisHost).find("<arch>i686</arch>"), std::string::npos);
}

TEST(DomainCapabilities, WhatIsNotHereIsNamed) {
  const std::pair<DomainCapabilitiesQuestion, const char*> wrong[] = {{{.type = "kvm"}, "'kvm'"},
                                                                      {{.arch = "s390x"}, "'s390x'"},
                                                                      {{.emulator = "/bin/x"}, "'/bin/x'"},
                                                                      {{.machine = "pc"}, "'pc'"}};
  for (const auto& [question, named] : wrong) {
    const auto error = error_of([&, asked = question] { format_domain_capabilities(asked, kThisHost); });
    ASSERT_TRUE(error) << named;
    EXPECT_EQ(error->code(), base::Code::InvalidArg);
    EXPECT_NE(error->message().find(named), std::string::npos) << error->message();
  }
}

}  // namespace
}  // namespace domain_xml
