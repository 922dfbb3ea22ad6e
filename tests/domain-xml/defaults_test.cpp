#include "domain-xml/defaults.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

namespace domain_xml {
namespace {

TEST(Defaults, AreFilledIn) {
  const DomainDefinition d = define(document(
      {.uuid = "",
       .devices = "<filesystem><source dir='/a'/><target dir='/'/></filesystem><interface type='ethernet'/>"}));
  EXPECT_NE(d.uuid, base::Uuid{});
  EXPECT_EQ(d.os.arch, "x86_64");
  EXPECT_EQ(d.emulator, kHost.emulator);
  EXPECT_EQ(d.current_memory_kib, d.memory_kib);
  EXPECT_EQ(d.filesystems[0].access_mode, "passthrough");
  EXPECT_NE(d.interfaces[0].mac, MacAddress{});
  EXPECT_EQ(d.clock.offset, "utc");
  EXPECT_EQ(d.on_reboot, LifecycleAction::Restart);
}

TEST(Defaults, KeepWhatIsThere) {
  DomainDefinition d = define(document({.os = "<type arch='i686'>exe</type><init>/i</init>",
                                        .top = "<currentMemory>5</currentMemory>",
                                        .devices = "<emulator>/mine</emulator><interface type='ethernet'/>"}));
  EXPECT_EQ(d.os.arch, "i686");
  EXPECT_EQ(d.emulator, "/mine");
  EXPECT_EQ(d.current_memory_kib, 5u);
  const DomainDefinition before = d;
  apply_defaults(d, kHost);
  EXPECT_TRUE(d == before);
}

TEST(Defaults, CurrentMemoryIsNeverMoreThanMemory) {
  EXPECT_EQ(define(document({.top = "<currentMemory>65537</currentMemory>"})).current_memory_kib, 65536u);
  EXPECT_EQ(define(document({.top = "<currentMemory>0</currentMemory>"})).current_memory_kib, 65536u);
}

TEST(Defaults, UuidsAreReadInAnySpelling) {
  const auto uuid = [](const std::string& text) {
    return base::format_uuid(define(document({.uuid = "<uuid>" + text + "</uuid>"})).uuid);
  };
  EXPECT_EQ(uuid("6F1C1B0E96A14BB28F4C5A3F5C0B7A01"), "6f1c1b0e-96a1-4bb2-8f4c-5a3f5c0b7a01");
  EXPECT_EQ(uuid("00000000-0000-0000-0000-000000000000"), "00000000-0000-0000-0000-000000000000");
}

TEST(Defaults, EmptyGenidBecomesARandomOne) {
  const auto genid = [] { return define(document({.top = "<genid/>"})).genid; };
  EXPECT_EQ(genid().size(), 36u);
  EXPECT_NE(genid(), genid());
}

TEST(Defaults, LabelsWithoutModelAreTheHosts) {
  const std::string xml = document({.top = "<seclabel type='dynamic'/>"});
  EXPECT_EQ(define(xml).security_labels[0], (SecurityLabel{.type = SecurityLabelType::None, .model = "none"}));
  DomainDefinition d = parse_domain(xml);
  apply_defaults(d, {.host_arch = "x86_64", .emulator = "/e", .security_model = "apparmor"});
  EXPECT_EQ(d.security_labels[0].model, "apparmor");
  EXPECT_EQ(d.security_labels[0].type, SecurityLabelType::Dynamic);
}

TEST(Validate, FindsEveryProblem) {
  DomainDefinition d;
  d.cpu_tune.shares = 1;
  d.vcpus = 0;
  d.filesystems.push_back({.type = FilesystemType::Volume});
  const auto problems = validate(d, kHost);
  const auto has = [&](base::Code code) {
    return std::any_of(problems.begin(), problems.end(), [&](const Problem& p) { return p.code == code; });
  };
  for (const base::Code code : {base::Code::NoName, base::Code::XmlError, base::Code::NoSource, base::Code::NoTarget,
                                base::Code::ConfigUnsupported})
    EXPECT_TRUE(has(code)) << static_cast<int>(code);
  EXPECT_GE(problems.size(), 6u);
}

TEST(Validate, NothingToSayAboutAGoodOne) {
  EXPECT_TRUE(validate(define(document({})), kHost).empty());
}

}  // namespace
}  // namespace domain_xml
