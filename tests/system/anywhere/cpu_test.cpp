// Questions about processors, held against libvirt's own answers: its QEMU driver compares with the same host, its test
// driver finds what processors have in common.
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

#include "support/beside_libvirtd.hpp"

namespace {

using namespace support;

std::string take(char* text) {
  EXPECT_NE(text, nullptr) << describe(last_failure());
  const std::string copy = text ? text : "";
  std::free(text);
  return copy;
}

/// All models libvirt has for `arch`.
std::vector<std::string> models_of(virConnectPtr connection, const char* arch) {
  char** names = nullptr;
  const int count = virConnectGetCPUModelNames(connection, arch, &names, 0);
  std::vector<std::string> models;
  for (int i = 0; i < count; ++i) models.emplace_back(take(names[i]));
  std::free(names);
  return models;
}

std::string host_cpu(const std::string& model, const std::string& more = "") {
  return "<cpu><arch>x86_64</arch><model>" + model + "</model>" + more + "</cpu>";
}

std::string baseline(virConnectPtr connection, const std::vector<std::string>& documents, unsigned flags = 0) {
  std::vector<const char*> texts;
  for (const auto& xml : documents) texts.push_back(xml.c_str());
  char* const answer = virConnectBaselineCPU(connection, texts.data(), static_cast<unsigned>(texts.size()), flags);
  return answer ? take(answer) : last_failure().message;
}

std::set<std::string> lines_with(const std::string& xml, const std::string& word) {
  std::istringstream text(xml);
  std::set<std::string> lines;
  for (std::string line; std::getline(text, line);)
    if (line.find(word) != line.npos) lines.insert(line);
  return lines;
}

class CpuTest : public BesideLibvirtd {
 protected:
  void SetUp() override {
    BesideLibvirtd::SetUp();
    if (IsSkipped()) return;
    ours_ = connect();
    qemu_ = Connection(virConnectOpen(libvirtd_->uri("qemu").c_str()));
    if (!qemu_) GTEST_SKIP() << "libvirt's QEMU driver is not installed";
  }
  Connection ours_, qemu_;
};

TEST_F(CpuTest, ModelsAreLibvirts) {
  for (const char* arch : {"x86_64", "i686", "ppc64le", "aarch64", "s390x"})
    EXPECT_EQ(models_of(ours_, arch), models_of(qemu_, arch)) << arch;
  EXPECT_GT(models_of(ours_, "x86_64").size(), 40u);
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virConnectGetCPUModelNames(ours_, "none", nullptr, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_NO_SUPPORT, virConnectGetCPUModelNames(ours_, "riscv64", nullptr, 0)));
}

TEST_F(CpuTest, ComparesWithThisHostAsLibvirtDoes) {
  const std::string capabilities = take(virConnectGetCapabilities(qemu_));
  std::smatch host;
  ASSERT_TRUE(std::regex_search(capabilities, host, std::regex("<cpu>[^]*?</cpu>")));
  std::vector<std::string> questions = {host.str(),
                                        host_cpu("kvm64", "<vendor>Intel</vendor>"),
                                        host_cpu("kvm64", "<vendor>AMD</vendor>"),
                                        host_cpu("none"),
                                        host_cpu("kvm64", "<feature name='none'/>"),
                                        "<cpu><arch>aarch64</arch><model>cortex-a57</model></cpu>",
                                        "<cpu><arch>x86_64</arch></cpu>",
                                        "<cpu/>",
                                        "<cpu",
                                        "<host/>",
                                        "<cpu><feature name='avx2'/></cpu>",
                                        "<cpu mode='host-model'/>",
                                        "<cpu mode='host-passthrough'/>"};
  for (const auto& model : models_of(qemu_, "x86_64")) {
    questions.push_back(host_cpu(model));
    for (const char* match : {"minimum", "exact", "strict"})
      questions.push_back(std::string("<cpu match='") + match + "'><model>" + model + "</model></cpu>");
  }
  for (const char* policy : {"force", "require", "optional", "disable", "forbid"})
    for (const char* feature : {"tm2", "sse2", "3dnow"})
      questions.push_back(std::string("<cpu match='exact'><model>kvm64</model><feature policy='") + policy +
                          "' name='" + feature + "'/></cpu>");
  int agreed[3] = {};
  for (const auto& xml : questions) {
    const int expected = virConnectCompareCPU(qemu_, xml.c_str(), 0);
    const int code = expected < 0 ? last_failure().code : VIR_ERR_OK;
    const int answer = virConnectCompareCPU(ours_, xml.c_str(), 0);
    EXPECT_EQ(answer, expected) << xml;
    if (expected < 0) {
      EXPECT_EQ(last_failure().code, code) << xml;
    } else {
      ++agreed[expected];
    }
    EXPECT_EQ(virConnectCompareHypervisorCPU(ours_, nullptr, nullptr, nullptr, "lxc", xml.c_str(), 0), expected) << xml;
    if (expected != VIR_CPU_COMPARE_INCOMPATIBLE) continue;
    EXPECT_EQ(virConnectCompareCPU(qemu_, xml.c_str(), VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE), -1);
    const auto reason = last_failure().message;
    EXPECT_EQ(virConnectCompareCPU(ours_, xml.c_str(), VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE), -1);
    EXPECT_EQ(last_failure().code, VIR_ERR_CPU_INCOMPATIBLE);
    EXPECT_EQ(last_failure().message, reason);
  }
  EXPECT_GT(agreed[VIR_CPU_COMPARE_INCOMPATIBLE], 0);
  EXPECT_EQ(agreed[VIR_CPU_COMPARE_IDENTICAL], 1) << "the host's own";
  EXPECT_GT(agreed[VIR_CPU_COMPARE_SUPERSET], 0);
}

TEST_F(CpuTest, FindsWhatProcessorsHaveInCommonAsLibvirtDoes) {
  const Connection test(virConnectOpen("test:///default"));
  ASSERT_TRUE(test);
  constexpr unsigned kExpand = VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES;
  const std::vector<std::vector<std::string>> refused = {
      {host_cpu("kvm64", "<vendor>Intel</vendor>"), host_cpu("kvm64", "<vendor>AMD</vendor>")},
      {host_cpu("kvm64", "<vendor>Intel</vendor>"), host_cpu("EPYC")},
      {"<cpu mode='host-model'/>"},
      {"<cpu><model>kvm64</model></cpu>"},
      {"<cpu><arch>x86_64</arch></cpu>"},
      {host_cpu("none")}};
  for (const auto& documents : refused) EXPECT_EQ(baseline(ours_, documents), baseline(test, documents));
  const auto models = models_of(ours_, "x86_64");
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::vector<std::string> one = {host_cpu(models[i], "<feature name='sha-ni'/>")};
    if (baseline(test, one).find("'forbid'") != std::string::npos) {
      EXPECT_EQ(lines_with(baseline(ours_, one), "<"), lines_with(baseline(test, one), "<"));
    }
    EXPECT_EQ(lines_with(baseline(ours_, one, kExpand), "'require'"),
              lines_with(baseline(test, one, kExpand), "'require'"));
    // Which model comes nearest is a matter of taste, which features they share is not.
    const std::vector<std::string> two = {host_cpu(models[i]), host_cpu(models[(i + 7) % models.size()])};
    EXPECT_EQ(lines_with(baseline(ours_, two, kExpand), "'require'"),
              lines_with(baseline(test, two, kExpand), "'require'"))
        << models[i];
  }
  const std::string fixed =
      baseline(ours_, {host_cpu("kvm64", "<feature name='invtsc'/>")}, VIR_CONNECT_BASELINE_CPU_MIGRATABLE);
  EXPECT_EQ(fixed.find("invtsc"), std::string::npos) << fixed;
}

TEST_F(CpuTest, WhatThisDriverHasNotIsRefused) {
  const std::string cpu = host_cpu("kvm64");
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virConnectCompareCPU(ours_, cpu.c_str(), 64)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG,
                         virConnectCompareHypervisorCPU(ours_, nullptr, nullptr, nullptr, "kvm", cpu.c_str(), 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG,
                         virConnectCompareHypervisorCPU(ours_, nullptr, "s390x", nullptr, nullptr, cpu.c_str(), 0)));
  const char* list[] = {cpu.c_str()};
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG,
                         virConnectBaselineHypervisorCPU(ours_, nullptr, nullptr, "pc", nullptr, list, 1, 0)));
  EXPECT_TRUE(fails_with(VIR_ERR_XML_INVALID_SCHEMA,
                         virConnectCompareCPU(ours_, "<cpu><nonsense/></cpu>", VIR_CONNECT_COMPARE_CPU_VALIDATE_XML)));
}

}  // namespace
