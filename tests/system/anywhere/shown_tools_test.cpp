// The scripts of examples/tools: each shows one of the tools that people manage domains with, and fails where one of
// its calls does not end as it should.
#include <gtest/gtest.h>

#include <string>

#include "support/command.hpp"
#include "support/daemon.hpp"
#include "support/host.hpp"

namespace {

using namespace support;

constexpr int kToolIsMissing = 77;

class ShownToolTest : public testing::TestWithParam<const char*> {};

TEST_P(ShownToolTest, EndsWell) {
  NEEDS_OWN_DAEMON();
  const Output output =
      run({"env", "LXCELL_DAEMON=" + Daemon::program(), std::string(LXCELL_EXAMPLES) + "/tools/" + GetParam() + ".sh"});
  if (output.status == kToolIsMissing) GTEST_SKIP() << output.text;
  EXPECT_EQ(output.status, 0) << output.text;
}

INSTANTIATE_TEST_SUITE_P(Tools, ShownToolTest,
                         testing::Values("ansible", "console", "events", "pacemaker", "sys-virt", "virt-clone",
                                         "virt-install", "virt-xml", "virsh"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
