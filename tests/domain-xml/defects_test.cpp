// What libvirt's own driver gets wrong in this area and this one must not; numbered as the reference numbers them.
#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"

namespace domain_xml {
namespace {

const std::string kSpecial = R"(a&b <c> "d" 'e' ]]> é)";

/// The definition survives being stored and read again, as after a restart of the daemon.
DomainDefinition restarted(const DomainDefinition& definition) {
  return define(format_domain(definition, View::Inactive));
}

TEST(Defects, D2_InitenvIsEscaped) {
  DomainDefinition definition = define(document({}));
  definition.os.init_env = {{kSpecial, kSpecial}};
  EXPECT_EQ(restarted(definition).os.init_env, definition.os.init_env);
}

TEST(Defects, D2_InituserAndInitgroupAreEscaped) {
  DomainDefinition definition = define(document({}));
  definition.os.init_user = definition.os.init_group = kSpecial;
  EXPECT_EQ(restarted(definition).os.init_user, kSpecial);
  EXPECT_EQ(restarted(definition).os.init_group, kSpecial);
}

TEST(Defects, D2_SharedNamespaceValueIsEscaped) {
  DomainDefinition definition = define(document({}));
  definition.shared_net = SharedNamespace{SharedNamespace::From::Name, kSpecial};
  EXPECT_EQ(restarted(definition).shared_net, definition.shared_net);
}

TEST(Defects, D2_EveryStringSurvives) {
  DomainDefinition d = define(document({.devices = "<filesystem><source dir='/a'/><target dir='/'/></filesystem>"}));
  for (std::string* text : {&d.name, &d.title, &d.description, &d.partition, &d.emulator, &d.os.machine, &d.os.init,
                            &d.os.init_dir, &d.os.cmdline, &d.filesystems[0].source})
    *text = kSpecial;
  d.filesystems[0].target = "/" + kSpecial;
  d.os.init_args = {kSpecial};
  d.interfaces.push_back({.source = InterfaceBridge{kSpecial}, .target_dev = kSpecial, .guest_dev = kSpecial});
  d.interfaces[0].mac = {{2, 0, 0, 0, 0, 1}};
  EXPECT_TRUE(restarted(d) == d);
}

TEST(Defects, D2_WhiteSpaceInAttributesSurvives) {
  DomainDefinition d = define(document({.devices = "<filesystem><source dir='/a'/><target dir='/'/></filesystem>"}));
  d.filesystems[0].source = "/a\n\tb\r c";
  d.os.init_args = {"one\r\ntwo\tthree"};
  EXPECT_TRUE(restarted(d) == d);
}

TEST(Defects, D10_RangesAreCheckedWhereverTheyComeFrom) {
  DomainDefinition definition = define(document({}));
  definition.cpu_tune.period_us = 5;
  const auto error = error_of([&] { restarted(definition); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), base::Code::ConfigUnsupported);
}

TEST(Defects, D11_EmptyResourceHasAClearError) {
  for (const char* xml : {"<resource/>", "<resource><partition/></resource>", "<resource> </resource>"}) {
    const auto error = error_of([&] { define(document({.top = xml})); });
    ASSERT_TRUE(error.has_value()) << xml;
    EXPECT_EQ(error->code(), base::Code::XmlError);
    EXPECT_NE(error->message().find("'partition'"), std::string::npos) << error->message();
  }
}

TEST(Defects, D11_NoVcpuHasAClearError) {
  const auto error = error_of([] { define(document({.top = "<vcpu>0</vcpu>"})); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), base::Code::ConfigUnsupported);
  EXPECT_NE(error->message().find("vcpus"), std::string::npos) << error->message();
}

// Stock's daemon dies of this one: it takes -1 for 4294967295 and runs out of memory.
TEST(Defects, NegativeVcpuCountIsRefused) {
  const auto error = error_of([] { define(document({.top = "<vcpu>-1</vcpu>"})); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), base::Code::XmlError);
  EXPECT_EQ(define(document({.top = "<vcpu>4294967295</vcpu>"})).vcpus, 4294967295u);
}

TEST(Defects, G7_CurrentMemoryIsKeptApartFromMemory) {
  const DomainDefinition definition = restarted(define(document({.top = "<currentMemory>1000</currentMemory>"})));
  EXPECT_EQ(definition.memory_kib, 65536u);
  EXPECT_EQ(definition.current_memory_kib, 1000u);
}

TEST(Defects, N14_DriverFormatWithoutTypeIsKept) {
  const std::string device =
      "<filesystem type='file'><driver format='raw'/><source file='/a'/><target dir='/'/></filesystem>";
  const DomainDefinition definition = restarted(define(document({.devices = device})));
  EXPECT_EQ(definition.filesystems.at(0).driver_format, "raw");
}

TEST(Defects, N14_FilterOfADirectInterfaceIsKept) {
  const std::string device = "<interface type='direct'><source dev='e'/><filterref filter='f'/></interface>";
  EXPECT_EQ(restarted(define(document({.devices = device}))).interfaces.at(0).filter->filter, "f");
}

TEST(Defects, N14_UserAliasesAreKept) {
  const std::string alias = "<alias name='ua-mine'/>";
  for (const std::string& device :
       {"<filesystem><source dir='/a'/><target dir='/b'/>" + alias + "</filesystem>",
        "<interface type='ethernet'>" + alias + "</interface>",
        "<disk><source file='/a'/><target dev='vda'/>" + alias + "</disk>",
        "<hostdev mode='capabilities' type='misc'><source><char>/a</char></source>" + alias + "</hostdev>",
        "<serial type='pty'>" + alias + "<address type='isa'/></serial>"}) {
    const DomainDefinition definition = define(document({.devices = device}));
    EXPECT_NE(format_domain(definition, View::Inactive).find(alias), std::string::npos) << device;
    EXPECT_TRUE(restarted(definition) == definition) << device;
  }
  EXPECT_EQ(dump(document({.devices = "<sound model='ac97'><alias name='sound0'/></sound>"})).find("alias"),
            std::string::npos);
}

TEST(Defects, N16_AllZeroMacIsReplaced) {
  const std::string device = "<interface type='ethernet'><mac address='00:00:00:00:00:00'/></interface>";
  EXPECT_NE(define(document({.devices = device})).interfaces.at(0).mac, MacAddress{});
}

}  // namespace
}  // namespace domain_xml
