// examples/debian.xml as a user starts it: systemd boots to a login prompt, one logs in on the console and shuts down.
#include <unistd.h>

#include <regex>

#include "support/command.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr Milliseconds kBootLimit{120000}, kShutdownLimit{60000};

class DebianTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!have_program("mmdebstrap")) GTEST_SKIP() << "mmdebstrap is not installed";
    root_ = scratch() + "/debian";
    const Output made = run({SOURCE_DIR "/examples/make-debian-rootfs.sh", root_});
    ASSERT_EQ(made.status, 0) << made.text;
  }

  std::string example() const {
    std::string text = read_text(SOURCE_DIR "/examples/debian.xml");
    text = std::regex_replace(text, std::regex("<name>[^<]*</name>"), "<name>" + own_name("debian") + "</name>");
    return std::regex_replace(text, std::regex("<source dir='[^']*/examples/debian'/>"),
                              "<source dir='" + root_ + "'/>");
  }

  std::string root_;
};

TEST_F(DebianTest, BootsToALoginPromptAndShutsDownCleanly) {
  const Domain domain = define_and_start(example());
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(console->wait_for("login: ", scaled(kBootLimit))) << console->text();
  console->type("root\n");
  ASSERT_TRUE(console->wait_for("# ", scaled(kBootLimit))) << console->text();
  // The arithmetic is done by the shell, so that the echo of what was typed is no answer.
  console->type("echo name=$(hostname) state=$(systemctl is-system-running --wait) sum=$((40+2))\n");
  ASSERT_TRUE(console->wait_for("sum=42", scaled(kBootLimit))) << console->text();
  const std::string text = console->text();
  EXPECT_NE(text.find("name=" + own_name("debian") + " state=running"), std::string::npos) << text;

  ASSERT_TRUE(ok(virDomainShutdown(domain)));
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF, scaled(kShutdownLimit))) << console->text();
  EXPECT_EQ(state_and_reason(domain), "shutoff/" + std::to_string(VIR_DOMAIN_SHUTOFF_SHUTDOWN));
}

}  // namespace
