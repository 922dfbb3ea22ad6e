// examples/debian.xml as a user starts it: systemd boots to a login prompt, one logs in on the console, does what
// systems are for, under the default confinement, and shuts down.
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <regex>

#include "support/command.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr Milliseconds kBootLimit{120000}, kShutdownLimit{60000}, kWorkLimit{180000};

/// Each step prints its name once it has worked.
const char* const kWork = R"sh(#!/bin/sh
set -eu
done_with() { echo "step-""$1"; }
cd /root
id builder >/dev/null 2>&1 || useradd --create-home builder

su builder -c 'set -e
rm -rf ~/hello && mkdir -p ~/hello/debian && cd ~/hello
printf "#!/bin/sh\necho hello from a package\n" >hello && chmod 755 hello
printf "Source: lxcell-hello\nMaintainer: Nobody <nobody@example.org>\nRules-Requires-Root: no\n\n" >debian/control
printf "Package: lxcell-hello\nArchitecture: all\nDescription: says hello\n" >>debian/control
printf "lxcell-hello (1.0) unstable; urgency=low\n\n  * First.\n\n" >debian/changelog
printf " -- Nobody <nobody@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n" >>debian/changelog
printf "#!/usr/bin/make -f\nclean build build-indep build-arch binary-arch:\nbinary: binary-indep\nbinary-indep:\n" >debian/rules
printf "\tinstall -D hello debian/tmp/usr/bin/lxcell-hello\n\tmkdir debian/tmp/DEBIAN\n" >>debian/rules
printf "\tdpkg-gencontrol\n\tdpkg-deb --root-owner-group --build debian/tmp ..\n" >>debian/rules
chmod 755 debian/rules && dpkg-buildpackage -us -uc -b -d' >/root/build.log 2>&1 || { cat /root/build.log; exit 1; }
done_with build

apt-get install -y /home/builder/lxcell-hello_1.0_all.deb >/root/apt.log 2>&1 || { cat /root/apt.log; exit 1; }
[ "$(lxcell-hello)" = "hello from a package" ]
apt-get remove -y lxcell-hello >/root/apt.log 2>&1 || { cat /root/apt.log; exit 1; }
done_with apt

systemctl --quiet is-active ssh
rm -rf .ssh && mkdir -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519
cp .ssh/id_ed25519.pub .ssh/authorized_keys
[ "$(ssh -o StrictHostKeyChecking=no root@127.0.0.1 'echo in; tty >/dev/null || echo no terminal' 2>/dev/null)" = "in
no terminal" ]
done_with ssh

su builder -c 'bwrap --unshare-all --ro-bind / / --dev /dev --tmpfs /tmp sh -c "touch /tmp/x && ! touch /home/x 2>/dev/null"'
done_with bubblewrap

printf "[Service]\nType=oneshot\nExecStart=/bin/touch /tmp/x\nPrivateTmp=yes\nProtectSystem=strict\nDynamicUser=yes\n" \
  >/run/systemd/system/sandbox.service
printf "NoNewPrivileges=yes\nPrivateNetwork=yes\nSystemCallFilter=@system-service\nProtectProc=invisible\n" \
  >>/run/systemd/system/sandbox.service
systemctl daemon-reload && systemctl start sandbox
done_with sandbox
)sh";

class DebianTest : public SystemTest {
 protected:
  /// One root for all tests: it takes as long to make as everything else together.
  static void SetUpTestSuite() {
    if (!have_program("mmdebstrap")) return;
    root_ = scratch() + "/debian";
    made_ = run({SOURCE_DIR "/examples/make-debian-rootfs.sh", root_, "openssh-server", "bubblewrap", "dpkg-dev"});
    if (made_.status == 0) write_text(root_ + "/root/work.sh", kWork, 0755);
  }
  void SetUp() override {
    if (!have_program("mmdebstrap")) GTEST_SKIP() << "mmdebstrap is not installed";
    ASSERT_EQ(made_.status, 0) << made_.text;
  }

  std::string example(const std::string& more = "") const {
    std::string text = read_text(SOURCE_DIR "/examples/debian.xml");
    text = std::regex_replace(text, std::regex("<name>[^<]*</name>"), "<name>" + own_name("debian") + "</name>" + more);
    return std::regex_replace(text, std::regex("<source dir='[^']*/examples/debian'/>"),
                              "<source dir='" + root_ + "'/>");
  }
  static auto log_in(virDomainPtr domain) {
    auto console = Console::open(domain);
    EXPECT_TRUE(console);
    if (!console) return console;
    EXPECT_TRUE(console->wait_for("login: ", scaled(kBootLimit))) << console->text();
    console->type("root\n");
    EXPECT_TRUE(console->wait_for("# ", scaled(kBootLimit))) << console->text();
    return console;
  }
  static void expect_work(virDomainPtr domain) {
    const auto console = log_in(domain);
    ASSERT_TRUE(console);
    // The arithmetic is done by the shell, so that the echo of what was typed is no answer.
    console->type("systemctl is-system-running --wait; sh /root/work.sh; echo end=$((40+2))\n");
    ASSERT_TRUE(console->wait_for("end=42", scaled(kWorkLimit))) << console->text();
    for (const char* step : {"step-build", "step-apt", "step-ssh", "step-bubblewrap", "step-sandbox"})
      EXPECT_NE(console->text().find(step), std::string::npos) << step << " in\n" << console->text();
  }

  static inline std::string root_;
  static inline Output made_;
};

TEST_F(DebianTest, BootsToALoginPromptAndShutsDownCleanly) {
  const Domain domain = define_and_start(example());
  const auto console = log_in(domain);
  ASSERT_TRUE(console);
  console->type("echo name=$(hostname) state=$(systemctl is-system-running --wait) sum=$((40+2))\n");
  ASSERT_TRUE(console->wait_for("sum=42", scaled(kBootLimit))) << console->text();
  const std::string text = console->text();
  EXPECT_NE(text.find("name=" + own_name("debian") + " state=running"), std::string::npos) << text;

  ASSERT_TRUE(ok(virDomainShutdown(domain)));
  ASSERT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF, scaled(kShutdownLimit))) << console->text();
  EXPECT_EQ(state_and_reason(domain), "shutoff/" + std::to_string(VIR_DOMAIN_SHUTOFF_SHUTDOWN));
}

TEST_F(DebianTest, DoesASystemsWorkUnderTheDefaultProfile) {
  const Domain domain = define_and_start(example());
  EXPECT_EQ(status_value(init_pid(domain), "Seccomp"), "2");
  expect_work(domain);
}

TEST_F(DebianTest, DoesASystemsWorkInAUserNamespaceOnTheSameRoot) {
  const std::string range = " start='0' target='700000' count='65536'/>";
  const Domain domain = define_and_start(example("<idmap><uid" + range + "<gid" + range + "</idmap>"));
  EXPECT_EQ(status_value(init_pid(domain), "Uid"), "700000\t700000\t700000\t700000");
  expect_work(domain);
}

TEST_F(DebianTest, HasASessionKeyringOfItsOwn) {
  // With nothing in the way of asking: its serial number, and how many bytes of keys are in it.
  const std::string keyctl = "syscall(" + std::to_string(SYS_keyctl) + ", ";
  const std::string ask =
      "$s = " + keyctl + "0, -3, 0); printf \"%d with %d\\n\", $s, " + keyctl + "11, $s, 0, 0); &lt;STDIN&gt;";
  const std::string unconfined =
      "<lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'><lxcell:seccomp "
      "profile='unconfined'/></lxcell:container>";
  std::string text = example(unconfined);
  const std::string init = "<init>/sbin/init</init>";
  const auto at = text.find(init);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, init.size(), "<init>/usr/bin/perl</init><initarg>-e</initarg><initarg>" + ask + "</initarg>");
  const Domain domain = define_and_start(text);
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(console->wait_for(" with ")) << console->text();
  EXPECT_TRUE(console->wait_for(" with 0\r\n")) << console->text();
  // The daemon has this process's.
  const long ours = ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  EXPECT_NE(std::stol(console->text()), ours) << console->text();
}

}  // namespace
