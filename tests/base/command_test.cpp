#include "base/command.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "base/error.hpp"

namespace base {
namespace {

CommandResult shell(const std::string& script, std::string_view input = {}) {
  return run_command({"/bin/sh", "-c", script, "sh", "two words"}, {"WORD=given", "PATH=/usr/bin:/bin"}, input);
}

TEST(Command, HasItsArgumentsItsEnvironmentAndItsInput) {
  const auto result = shell("read line; echo \"$1, $WORD, $line, $(env | grep -c HOME)\" >&2", "from us\n");
  EXPECT_TRUE(result.succeeded());
  EXPECT_EQ(result.complaint, "two words, given, from us, 0");
}

TEST(Command, EndsBadlyWithItsStatusAndItsWords) {
  const auto result = shell("echo no such thing >&2; exit 3");
  EXPECT_FALSE(result.succeeded());
  EXPECT_EQ(result.description(), "exit status 3: no such thing");
  EXPECT_EQ(shell("kill -9 $$").description(), "signal 9");
}

TEST(Command, MayIgnoreItsInputAndTalkWithoutEnd) {
  const std::string much(1 << 20, 'x');
  const auto result = shell("head -c 1000000 /dev/zero | tr '\\0' y >&2", much);
  EXPECT_TRUE(result.succeeded());
  EXPECT_EQ(result.complaint, std::string(4096, 'y'));
}

TEST(Command, InheritsNoSignalThatIsIgnoredOrBlocked) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  const auto result = shell("kill $$; echo still here >&2");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(result.description(), "signal 15");
}

TEST(Command, HasThreeDescriptors) {
  EXPECT_EQ(shell("for fd in /proc/self/fd/*; do case $fd in */[012]) ;; *) [ -e $fd ] && echo $fd >&2 ;; esac; done")
                .complaint,
            "");
}

TEST(Command, ThatDoesNotExistIsNamed) {
  try {
    run_command({"/nowhere/program"}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("cannot execute '/nowhere/program'"), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace base
