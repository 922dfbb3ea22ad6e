// Perf events: what the processes of a container do, as the kernel's own counters have it.
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "support/fixture.hpp"
#include "support/perf.hpp"

namespace {

using namespace support;

constexpr unsigned kLive = VIR_DOMAIN_AFFECT_LIVE, kConfig = VIR_DOMAIN_AFFECT_CONFIG;
using Names = std::set<std::string>;

class PerfTest : public SystemTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("no perf events (NO_SUPPORT)");
    if (!exists("/proc/sys/kernel/perf_event_paranoid")) GTEST_SKIP() << "this kernel has no perf events";
    if (std::getenv("LXCELL_TEST_NO_PERF")) GTEST_SKIP() << "this kernel does not survive perf events under emulation";
  }
  /// One that starts programs without end once there is a file /go.
  DomainXml busy(const std::string& word, Rootfs& root, const Names& events = {}) const {
    root.set_init(": > /ready\nwhile [ ! -e /go ]; do usleep 5000; done\nwhile :; do /bin/busybox true; done\n");
    DomainXml definition = xml(word, root);
    if (events.empty()) return definition;
    definition.elements = "  <perf>\n";
    for (const auto& name : events) definition.elements += "    <event name='" + name + "' enabled='yes'/>\n";
    definition.elements += "  </perf>\n";
    return definition;
  }
  Rootfs root_;
};

TEST_F(PerfTest, CountWhatTheContainerDoesAndNobodyElse) {
  Rootfs other(init::kDeaf);
  const Domain domain = create(busy("busy", root_)), idle = create(xml("idle", other));
  ASSERT_TRUE(root_.wait_ready() && other.wait_ready());
  EXPECT_TRUE(perf_counts(domain).empty());
  for (const auto* one : {&domain, &idle})
    ASSERT_TRUE(ok(set_perf_events(*one, {{"page_faults", true}, {"task_clock", true}}, kLive)));
  root_.write("go", "");
  constexpr unsigned long long kSome = 1000;
  ASSERT_TRUE(eventually([&] { return perf_counts(domain)["page_faults"] > kSome; }));
  const auto counts = perf_counts(domain);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_GT(counts.at("task_clock"), 0ULL);
  EXPECT_LT(perf_counts(idle)["page_faults"], kSome);
}

TEST_F(PerfTest, LiveConfigAndBoth) {
  const Domain domain = define(busy("perf", root_, {"cpu_migrations"}));
  EXPECT_EQ(perf_events(domain), Names({"cpu_migrations"}));
  ASSERT_TRUE(ok(set_perf_events(domain, {{"context_switches", true}, {"cpu_migrations", false}}, kConfig)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, set_perf_events(domain, {{"page_faults", true}}, kLive)));
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  ASSERT_TRUE(root_.wait_ready());
  // From the start: what its processes have done to come up has been counted.
  EXPECT_GT(perf_counts(domain)["context_switches"], 0ULL);
  ASSERT_TRUE(ok(set_perf_events(domain, {{"page_faults", true}}, kLive)));
  EXPECT_EQ(perf_events(domain, kLive), Names({"context_switches", "page_faults"}));
  EXPECT_EQ(perf_events(domain, kConfig), Names({"context_switches"}));
  EXPECT_EQ(xpath(dump(domain), "string(//perf/event[@name='page_faults']/@enabled)"), "yes");
  ASSERT_TRUE(ok(set_perf_events(domain, {{"cpu_clock", true}, {"page_faults", false}}, kLive | kConfig)));
  EXPECT_EQ(perf_events(domain, kLive), Names({"context_switches", "cpu_clock"}));
  EXPECT_EQ(perf_events(domain, kConfig), Names({"context_switches", "cpu_clock"}));
  const auto counts = perf_counts(domain);
  EXPECT_TRUE(counts.size() == 2 && counts.contains("cpu_clock")) << counts.size();
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(perf_counts(domain).empty());
}

TEST_F(PerfTest, WhatCannotBeCountedIsNamedAndChangesNothing) {
  const Domain domain = create(busy("bad", root_));
  const auto refused = [&](int code, const std::string& name) {
    EXPECT_TRUE(fails_with(code, set_perf_events(domain, {{"page_faults", true}, {name, true}}, kLive)));
    EXPECT_NE(last_failure().message.find("'" + name + "'"), std::string::npos) << last_failure().message;
    EXPECT_EQ(perf_events(domain), Names());
  };
  refused(VIR_ERR_ARGUMENT_UNSUPPORTED, "cmt");
  refused(VIR_ERR_INVALID_ARG, "dishes_washed");
  // A processor of a virtual machine often counts nothing, and then the kernel has no such thing.
  if (exists("/sys/bus/event_source/devices/cpu")) return;
  refused(VIR_ERR_SYSTEM_ERROR, "cpu_cycles");
}

TEST_F(PerfTest, AStartThatCannotCountFails) {
  const Domain domain = define(busy("start", root_, {"mbml"}));
  EXPECT_TRUE(fails_with(VIR_ERR_ARGUMENT_UNSUPPORTED, virDomainCreate(domain)));
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
}

}  // namespace
