// <lxcell:container>: what it says, what it refuses, and that documents without it stay as they are.
#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/schema.hpp"

namespace domain_xml {
namespace {

std::string with_extension(const std::string& children) {
  return document({.top = "<lxcell:container>" + children + "</lxcell:container>",
                   .type = "type='lxc' xmlns:lxcell='urn:lxcell:domain:1.0'"});
}

base::Error refusal(const std::string& children) {
  const auto error = error_of([&] { define(with_extension(children)); });
  EXPECT_TRUE(error.has_value()) << children;
  return error.value_or(base::Error(base::Code::Ok, base::From::None, ""));
}

TEST(Extension, EverythingIsReadAndPrinted) {
  const std::string xml = with_extension(
      "<lxcell:rlimit name='nofile' soft='1024' hard='unlimited'/><lxcell:seccomp profile='strict'/>"
      "<lxcell:idmap start='100000' count='1000'/><lxcell:pids limit='512'/>"
      "<lxcell:rlimit name='core' soft='0' hard='0'/><lxcell:overlay size='1' unit='MiB'/>");
  const auto definition = define(xml);
  EXPECT_EQ(definition.extension, (Extension{.seccomp = "strict",
                                             .pids_limit = 512,
                                             .resource_limits = {{"nofile", 1024, std::nullopt}, {"core", 0, 0}},
                                             .overlay = RootOverlay{.directory = "", .memory_limit_kib = 1024},
                                             .idmap = AutomaticIdMap{.count = 1000, .start = 100000}}));
  const std::string printed = dump(xml);
  EXPECT_NE(printed.find("<domain type='lxc' xmlns:lxcell='urn:lxcell:domain:1.0'>"), printed.npos) << printed;
  EXPECT_NE(printed.find("  <lxcell:container>\n"
                         "    <lxcell:seccomp profile='strict'/>\n"
                         "    <lxcell:pids limit='512'/>\n"
                         "    <lxcell:rlimit name='nofile' soft='1024' hard='unlimited'/>\n"
                         "    <lxcell:rlimit name='core' soft='0' hard='0'/>\n"
                         "    <lxcell:overlay size='1024' unit='KiB'/>\n"
                         "    <lxcell:idmap count='1000' start='100000'/>\n"
                         "  </lxcell:container>\n"
                         "</domain>"),
            printed.npos)
      << printed;
  EXPECT_EQ(define(printed).extension, definition.extension);
  our_schema().validate(xml);
}

TEST(Extension, AnyPrefixWillDoAndAnEmptyOneIsNone) {
  const auto definition = define(document(
      {.top = "<container xmlns='urn:lxcell:domain:1.0'><pids limit='3'/><overlay directory='/var/x'/></container>"}));
  EXPECT_EQ(definition.extension.pids_limit, 3U);
  EXPECT_EQ(definition.extension.overlay->directory, "/var/x");
  const std::string printed = dump(with_extension(""));
  EXPECT_EQ(printed.find("lxcell:"), printed.npos) << printed;
}

TEST(Extension, SomebodyElsesNamespaceIsIgnored) {
  const std::string printed =
      dump(document({.top = "<container xmlns='urn:other'><pids limit='3'/></container><pids limit='3'/>"}));
  EXPECT_EQ(printed.find("pids"), printed.npos) << printed;
}

TEST(Extension, RefusesByName) {
  const std::pair<const char*, const char*> wrong[] = {
      {"<lxcell:turbo/>", "'turbo'"},
      {"<lxcell:seccomp profile='loose'/>", "'loose'"},
      {"<lxcell:seccomp/>", "'profile'"},
      {"<lxcell:pids limit='0'/>", "'limit'"},
      {"<lxcell:pids limit='many'/>", "'many'"},
      {"<lxcell:pids limit='1'/><lxcell:pids limit='2'/>", "'pids' in 'lxcell:container' is given twice"},
      {"<lxcell:rlimit name='nofiles' soft='1' hard='1'/>", "'nofiles'"},
      {"<lxcell:rlimit name='nofile' soft='2' hard='1'/>", "above the hard one"},
      {"<lxcell:rlimit name='nofile' soft='unlimited' hard='1'/>", "above the hard one"},
      {"<lxcell:rlimit name='nofile' soft='-1' hard='1'/>", "'-1'"},
      {"<lxcell:rlimit name='nofile' hard='1'/>", "'soft'"},
      {"<lxcell:rlimit name='core' soft='1' hard='1'/><lxcell:rlimit name='core' soft='2' hard='2'/>", "twice"},
      {"<lxcell:overlay directory='here'/>", "'here'"},
      {"<lxcell:overlay directory='/x' size='1'/>", "'size'"},
      {"<lxcell:overlay size='0'/>", "'size'"},
      {"<lxcell:overlay size='1' unit='parsec'/>", "'parsec'"},
      {"<lxcell:idmap count='0'/>", "'count'"},
      {"<lxcell:idmap start='0'/>", "'start'"},
      {"<lxcell:idmap start='4294967290'/>", "'start'"},
      {"<lxcell:idmap mode='auto'/>", "'mode'"},
      {"<lxcell:idmap mode='none' count='5'/>", "'mode'"},
  };
  for (const auto& [children, named] : wrong) {
    const std::string message = refusal(children).message();
    EXPECT_NE(message.find(named), message.npos) << children << ": " << message;
  }
  EXPECT_TRUE(error_of([] {
    define(document({.top = "<container xmlns='urn:lxcell:domain:1.0'/><container xmlns='urn:lxcell:domain:1.0'/>"}));
  }));
}

TEST(Extension, ProfilesAndTheHostsIds) {
  for (const std::string profile : {"unconfined", "/etc/profiles/web &amp; db.json"}) {
    const std::string xml = with_extension("<lxcell:seccomp profile='" + profile + "'/><lxcell:idmap mode='none'/>");
    EXPECT_TRUE(define(xml).extension.host_ids);
    EXPECT_FALSE(define(xml).extension.idmap);
    const std::string printed = dump(xml);
    EXPECT_NE(printed.find("    <lxcell:seccomp profile='" + profile + "'/>\n    <lxcell:idmap mode='none'/>\n"),
              printed.npos)
        << printed;
    EXPECT_EQ(define(printed).extension, define(xml).extension);
    our_schema().validate(xml);
  }
}

TEST(Extension, SchemaRefusesThemToo) {
  for (const char* children : {"<lxcell:turbo/>", "<lxcell:seccomp profile='loose'/>", "<lxcell:pids limit='0'/>",
                               "<lxcell:idmap mode='auto'/>", "<lxcell:idmap mode='none' count='5'/>",
                               "<lxcell:rlimit name='nofiles' soft='1' hard='1'/>", "<lxcell:overlay directory='x'/>",
                               "<lxcell:overlay directory='/x' size='1'/>"})
    EXPECT_TRUE(error_of([&] { our_schema().validate(with_extension(children)); })) << children;
}

}  // namespace
}  // namespace domain_xml
