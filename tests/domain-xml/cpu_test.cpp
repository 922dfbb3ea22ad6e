#include "domain-xml/cpu_description.hpp"

#include <gtest/gtest.h>

#include <map>

#include "documents.hpp"

namespace domain_xml {
namespace {

const std::map<std::string, std::string> kFiles = {
    {"index.xml",
     "<cpus><arch name='x86'><include filename='vendors.xml'/><include filename='features.xml'/>"
     "<include filename='models.xml'/></arch><arch name='ppc64'><model name='POWER9'/></arch></cpus>"},
    {"vendors.xml",
     "<cpus><vendor name='Acme' string='AcmeMakesCPU'/><vendor name='Rival' string='RivalRivalRi'/></cpus>"},
    {"features.xml",
     "<cpus><feature name='one'><cpuid eax_in='0x01' edx='0x00000001'/></feature>"
     "<feature name='two'><cpuid eax_in='0x01' edx='0x00000002'/></feature>"
     "<feature name='deep' migratable='no'><cpuid eax_in='0x07' ecx_in='0x01' ebx='0x00000300'/></feature>"
     "<feature name='hidden'><msr index='0x10a' eax='0x00000000' edx='0x00000001'/></feature></cpus>"},
    {"models.xml",
     "<cpus><model name='small'><feature name='one'/></model>"
     "<model name='host-only'><decode host='on' guest='off'/><feature name='one'/><feature name='two'/></model>"
     "<model name='large'><vendor name='Acme'/><feature name='one'/><feature name='two'/>"
     "</model>"
     "<model name='aged'><feature name='one'/><feature name='two'/><feature name='deep'/>"
     "<feature name='hidden' removed='yes'/></model>"
     "<model name='rival'><vendor name='Rival'/><feature name='one'/><feature name='two'/></model></cpus>"},
};

CpuMap map_of(const std::string& arch) {
  return parse_cpu_map(arch, [](const std::string& file) { return kFiles.at(file); });
}

const CpuMap kMap = map_of("x86_64");
const HostProcessor kHost{.arch = "x86_64", .vendor = "Acme", .features = {"one", "two", "deep"}};

CpuComparison compare(const std::string& xml) {
  return compare_cpu(kMap, kHost, parse_cpu_description(xml));
}

std::string baseline(const std::vector<std::string>& documents, BaselineOptions options = {}) {
  std::vector<CpuDescription> hosts;
  for (const auto& xml : documents) hosts.push_back(parse_cpu_description(xml));
  return baseline_cpu(kMap, hosts, options);
}

std::string a_host(const std::string& model, const std::string& more = "") {
  return "<cpu><arch>x86_64</arch><model>" + model + "</model>" + more + "</cpu>";
}

TEST(CpuMap, IsThePartOfOneArchitecture) {
  EXPECT_EQ(kMap.models.size(), 5u);
  EXPECT_EQ(map_of("i686").models.size(), 5u);
  EXPECT_EQ(map_of("ppc64le").models.size(), 1u);
  EXPECT_TRUE(map_of("riscv64").models.empty());
  EXPECT_EQ(kMap.model("aged")->features, (CpuFeatures{"one", "two", "deep"}));
  EXPECT_EQ(kMap.model("aged")->removed, (CpuFeatures{"hidden"}));
}

TEST(CpuMap, AProcessorIsDescribedByItsRegisters) {
  const auto host = describe_processor("x86_64", kMap, [](const CpuQuestion& question) -> std::optional<CpuRegisters> {
    if (question.msr) return question.leaf == 0x10a ? std::optional(CpuRegisters{.edx = 1}) : std::nullopt;
    if (question.leaf == 0) return CpuRegisters{.ebx = 0x656d6341, .ecx = 0x5550436e, .edx = 0x696b614d};
    if (question.leaf == 1) return CpuRegisters{.edx = 2};
    if (question.leaf == 7 && question.subleaf == 1) return CpuRegisters{.ebx = 0x100};  // one of two bits
    return std::nullopt;
  });
  EXPECT_EQ(host.features, (CpuFeatures{"two", "hidden"}));
  EXPECT_EQ(host.vendor, "") << "another one's signature";
}

TEST(CpuComparison, AHostHasToHaveAllOfIt) {
  EXPECT_EQ(compare(a_host("small")).verdict, CpuVerdict::Superset);
  EXPECT_EQ(compare(a_host("large", "<feature name='deep'/>")).verdict, CpuVerdict::Identical);
  const auto missing = compare(a_host("large", "<feature name='hidden'/>"));
  EXPECT_EQ(missing.verdict, CpuVerdict::Incompatible);
  EXPECT_EQ(missing.why, "Host CPU does not provide required features: hidden");
  EXPECT_EQ(compare(a_host("small", "<vendor>Rival</vendor>")).why,
            "host CPU vendor does not match required CPU vendor Rival");
  EXPECT_EQ(compare("<cpu><arch>ppc64</arch><model>POWER9</model></cpu>").why,
            "CPU arch ppc64 does not match host arch");
}

TEST(CpuComparison, AGuestSaysHowMuchItCares) {
  const auto guest = [](const std::string& match, const std::string& policy, const std::string& feature) {
    return compare("<cpu match='" + match + "'><model>small</model><feature policy='" + policy + "' name='" + feature +
                   "'/></cpu>");
  };
  EXPECT_EQ(guest("exact", "require", "two").verdict, CpuVerdict::Superset);
  EXPECT_EQ(guest("exact", "require", "hidden").verdict, CpuVerdict::Incompatible);
  for (const char* policy : {"force", "optional", "disable", "forbid"})
    EXPECT_EQ(guest("exact", policy, "hidden").verdict, CpuVerdict::Superset) << policy;
  EXPECT_EQ(guest("exact", "forbid", "two").why, "Host CPU provides forbidden features: two");
  EXPECT_EQ(guest("strict", "require", "two").why, "Host CPU does not strictly match guest CPU: Extra features: deep");
  for (const char* mode : {"host-model", "host-passthrough", "maximum"})
    EXPECT_EQ(compare(std::string("<cpu mode='") + mode + "'/>").verdict, CpuVerdict::Superset) << mode;
  EXPECT_EQ(compare("<cpu/>").verdict, CpuVerdict::Superset);
}

TEST(CpuBaseline, IsTheLargestCommonModelAndTheRest) {
  EXPECT_EQ(baseline({a_host("small", "<feature name='two'/><feature name='deep'/>"), a_host("large")}),
            "<cpu mode='custom' match='exact'>\n  <model fallback='allow'>large</model>\n</cpu>\n");
  EXPECT_EQ(baseline({a_host("small", "<vendor>Acme</vendor><feature name='deep'/>")}),
            "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>small</model>\n  <vendor>Acme</vendor>\n"
            "  <feature policy='require' name='deep'/>\n</cpu>\n");
  EXPECT_EQ(baseline({a_host("aged")}),
            "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>aged</model>\n"
            "  <feature policy='disable' name='hidden'/>\n</cpu>\n")
      << "newer ones lack it";
  EXPECT_EQ(baseline({a_host("aged", "<feature name='hidden'/>"), a_host("aged")}),
            "<cpu mode='custom' match='exact'>\n  <model fallback='allow'>large</model>\n"
            "  <feature policy='require' name='deep'/>\n</cpu>\n")
      << "one word either way: rather required than disabled";
  EXPECT_EQ(baseline({a_host("small", "<feature name='deep'/>")}, {.expand = true, .migratable = true}),
            "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>small</model>\n"
            "  <feature policy='require' name='one'/>\n</cpu>\n");
}

TEST(CpuBaseline, VendorsDoNotMix) {
  const std::string rival = "<vendor>Rival</vendor>";
  const std::string both = baseline({a_host("small", rival + "<feature name='two'/>"), a_host("rival", rival)});
  EXPECT_NE(both.find(">rival</model>"), std::string::npos) << both;
  const auto error = error_of([&] { baseline({a_host("small", rival), a_host("large")}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), base::Code::OperationFailed);
}

TEST(CpuDescription, WhatIsWrongIsNamed) {
  const std::pair<std::string, const char*> wrong[] = {
      {"<host/>", "expected 'cpu' element"},
      {"<cpu match='any'><model>small</model></cpu>", "'any'"},
      {"<cpu match='exact'><arch>x86_64</arch><model>small</model></cpu>", "'match' attribute"},
      {"<cpu><model>small</model><feature name='one' policy='maybe'/></cpu>", "'maybe'"},
      {"<cpu><model>small</model><feature name='one'/><feature name='one'/></cpu>", "'one' specified more than once"},
      {"<cpu><model>small</model><feature/></cpu>", "feature name"},
      {"<cpu><feature name='one'/></cpu>", "without CPU model"},
      {"<cpu><arch>x86_64</arch></cpu>", "Missing CPU model name"},
      {a_host("none"), "Unknown CPU model none"},
      {a_host("small", "<feature name='none'/>"), "Unknown CPU feature none"},
  };
  for (const auto& [xml, named] : wrong) {
    const auto error = error_of([text = xml] { compare(text); });
    ASSERT_TRUE(error) << xml;
    EXPECT_NE(error->message().find(named), std::string::npos) << error->message();
  }
  for (const char* guest : {"<cpu mode='host-model'/>", "<cpu><model>small</model></cpu>"})
    EXPECT_TRUE(error_of([guest] { baseline({guest}); })) << guest;
}

}  // namespace
}  // namespace domain_xml
